"""The JSON schema of the configuration, printed or written: ``python -m steelyard.configuration [FILE]``."""

import json
import sys
from pathlib import Path

from steelyard.configuration.schema import schema
from steelyard.io.files import whole


def main(arguments: list[str]) -> None:
    """Print the JSON schema, or write it to the file that is the only argument."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if not arguments:
        sys.stdout.write(text)
        return
    with whole(Path(arguments[0])) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
