"""``policy check``: all data loaded and checked, and no day without an answer."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from defib_coverage.command.options import counted
from defib_coverage.content import load
from defib_coverage.coverage.dates import DAY
from defib_coverage.drafts import lay_over
from defib_coverage.errors import DataError, Fault
from defib_coverage.families import load_families
from defib_coverage.family_checks import family_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from defib_coverage.content import Content
    from defib_coverage.coverage.codes import ValueSet
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.families import Families


def check_policies(file: Path | None, overlay: Path | None) -> list[str]:
    """Check everything, and a draft of a policy or a value set with it; the lines to print.

    Raises:
        DataError: with every fault found.
    """
    content = load(overlay)
    checked = content if file is None else lay_over(content, [file], overlay).content
    versions = checked.versions
    families = load_families()
    # A site's codes need no title of ours.
    shipped = content if overlay is None else load()
    faults = [
        *version_faults(versions),
        *succession_faults(checked.value_sets),
        *revision_faults(versions, checked.value_sets),
        *family_faults(families, shipped.value_sets),
    ]
    if faults:
        raise DataError(faults)
    return list(_report(file, overlay, content, families, versions))


def _report(
    file: Path | None,
    overlay: Path | None,
    content: Content,
    families: Families,
    versions: Sequence[PolicyVersion],
) -> Iterator[str]:
    codes = sum(len(v.codes) for v in content.value_sets)
    rules = [rule for v in content.value_sets for rule in v.patterns]
    members = {(rule.system, code) for rule in rules for code in families.members(rule)}
    yield (
        f"OK: {counted(len(content.versions), 'policy version')}, "
        f"{counted(len(content.value_sets), 'value set')} with {counted(codes, 'code')} and "
        f"{counted(len(rules), 'code family', 'code families')} "
        f"({counted(len(members), 'code')}), "
        f"{counted(len(list(content.wording.templates())), 'sentence')}"
    )
    if file is not None:
        yield f"OK: {file}"
    if overlay is not None:
        yield f"OK: overlay {overlay}"
    ordered = sorted(versions, key=lambda v: v.effective)
    for version, following in zip(ordered, [*ordered[1:], None], strict=True):
        until = "" if following is None else f" through {following.effective - DAY}"
        yield f"in force from {version.effective}{until}: {version.id}, {version.citation}"
    yield f"digest {content.digest}"


def version_faults(versions: Sequence[PolicyVersion]) -> Iterator[Fault]:
    """Days that two versions claim, and versions of another policy.

    A version is in force until the next begins, so that two can overlap only by beginning together
    and none can leave a gap.
    """
    ordered = sorted(versions, key=lambda v: v.effective)
    for before, after in pairwise(ordered):
        file = f"policies/{after.id}/{after.version}.toml"
        if before.effective == after.effective:
            reason = f"two versions begin on {after.effective}"
            yield Fault(file, "effective", reason, "Keep one of them")
        if before.id != after.id:
            reason = f"{after.id!r} is another policy than {before.id!r}"
            yield Fault(file, "id", reason, "Give all versions of a folder the same id")


def succession_faults(value_sets: Sequence[ValueSet]) -> Iterator[Fault]:
    """Codes that ended with successors which are not in force on the next day."""
    for value_set in value_sets:
        for number, entry in enumerate(value_set.codes):
            if entry.until is None:
                continue
            next_day = entry.until + DAY
            in_force = {e.code for e in value_set.codes if e.in_force(next_day)}
            late = [code for code in entry.successors if code not in in_force]
            if late:
                yield Fault(
                    f"valuesets/{value_set.id}.toml",
                    f"codes[{number}] {entry.code}",
                    f"its successor {', '.join(late)} is not in force on {next_day}",
                    "Mend 'from' of the successor or 'until' of the code",
                )


def revision_faults(
    versions: Sequence[PolicyVersion], value_sets: Sequence[ValueSet]
) -> Iterator[Fault]:
    """Days on which a list of the article changes and that no revision of it names."""
    days = {r.effective for version in versions for r in version.revisions.values()}
    for value_set in value_sets:
        if value_set.role == "evidence":
            continue
        for number, entry in enumerate(value_set.codes):
            changes = (entry.start, None if entry.until is None else entry.until + DAY)
            for day in changes:
                if day is not None and day not in days:
                    yield Fault(
                        f"valuesets/{value_set.id}.toml",
                        f"codes[{number}] {entry.code}",
                        f"the list changes on {day}, and no revision takes effect then",
                        "Add the revision to the policy, or mend 'from' or 'until'",
                    )
