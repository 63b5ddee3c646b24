"""The graph of the rules as a page in Markdown, with a picture in Mermaid.

``snakemake --rulegraph mermaid-js | python -m steelyard.runtime.rule_graph workflow/rules > docs/rulegraph.md``
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Edge = tuple[str, str]

_PAGE = """# The rules and what they wait for

Made by `make rulegraph` from `snakemake --rulegraph` on the embedded analysis. A box is a rule, an arrow says that one
reads what the other has written; what follows from other arrows is left out. Rules stand in the file of
`workflow/rules` after which their frame is called.

```mermaid
{graph}
```
"""


def read_graph(text: str) -> tuple[list[str], set[Edge]]:
    """Rules and arrows (from what is read to what reads it) of Snakemake's Mermaid text.

    Raises:
        ValueError: there is no rule in it.
    """
    names = dict(re.findall(r"(id\d+)\[\"?(\w+)\"?\]", text))
    if not names:
        raise ValueError("no rule in the graph: give the output of snakemake --rulegraph mermaid-js")
    edges = {(names[source], names[target]) for source, target in re.findall(r"(id\d+) --> (id\d+)", text)}
    return sorted(set(names.values())), edges


def reduced(edges: Iterable[Edge]) -> set[Edge]:
    """The arrows of an acyclic graph without those that follow from others (its transitive reduction)."""
    edges = set(edges)
    after: dict[str, set[str]] = {}
    for source, target in edges:
        after.setdefault(source, set()).add(target)

    def reachable(start: str) -> set[str]:
        seen, waiting = set(), list(after.get(start, ()))
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += after.get(node, ())
        return seen

    beyond = {node: reachable(node) for node in after}
    return {
        (source, target)
        for source, target in edges
        if not any(target in beyond.get(other, ()) for other in after[source] if other != target)
    }


def stages(files: Iterable[Path]) -> dict[str, str]:
    """Rule: name of the file that defines it."""
    found = {}
    for file in files:
        text = file.read_text()
        named = re.findall(r'^\s+f?"(\w+)\{pack\.suffix\}"', text, re.MULTILINE)
        for rule in [*re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)", text, re.MULTILINE), *named]:
            found[rule] = file.stem
    return found


def page(rules: Sequence[str], edges: Iterable[Edge], stage_of: Mapping[str, str], order: Sequence[str]) -> str:
    """The page: rules framed by stage in the given order, the same text for the same graph."""
    lines = ["flowchart TB"]
    for stage in order:
        members = [rule for rule in rules if stage_of.get(rule) == stage]
        if members:
            lines += [f"  subgraph {stage}_smk [{stage}]", *(f"    {rule}" for rule in members), "  end"]
    lines += [f"  {rule}" for rule in rules if stage_of.get(rule) not in order]
    lines += [f"  {source} --> {target}" for source, target in sorted(reduced(edges))]
    return _PAGE.format(graph="\n".join(lines))


def main(text: str, folder: Path, snakefile: Path) -> str:
    """The page from Snakemake's text, the folder of the rules, and the Snakefile, which includes them in order."""
    rules, edges = read_graph(text)
    order = re.findall(r'include: ".*/(\w+)\.smk"', snakefile.read_text())
    rules = [rule for rule in rules if rule != "all"]  # waits for everything that is a result, and shows nothing
    edges = {edge for edge in edges if "all" not in edge}
    return page(rules, edges, stages(sorted(folder.glob("*.smk"))), order)


if __name__ == "__main__":
    sys.stdout.write(main(sys.stdin.read(), Path(sys.argv[1]), Path("workflow/Snakefile")))
