"""One seed per job, from the master seed and what the job is."""

import hashlib


def seed_for(master: int, stage: str, **wildcards: object) -> int:
    """A 64-bit seed that depends on the master seed, the stage and the job's wildcards, and on nothing else.

    The first eight bytes of the SHA-256 of ``master/stage/name=value/...`` with the names sorted: jobs are
    independent of each other and of the order in which they run, and a new job changes no other job's seed.

    The seed of member m of the ratio r is that of the stage ``train_member`` with ``ratio=r`` and ``member=m``, and of
    networks that processes share with ``ratio=joint``.
    """
    words = [str(master), stage, *(f"{name}={wildcards[name]}" for name in sorted(wildcards))]
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:8], "little")
