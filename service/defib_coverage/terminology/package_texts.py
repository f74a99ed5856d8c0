"""What a package tells people: its README and its licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.describing import PUBLISHER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.terminology.artifacts import ImplementationGuide
    from defib_coverage.terminology.releases import Release

_CONTENTS = {
    "ValueSet": "the codes, by meaning and role, each set with its expansion",
    "CodeSystem": "codes for what no standard code system says",
    "ConceptMap": "retired codes and successors; records and claim codes; indications and codes",
    "Library": "the manifest: every resource and code system release that belongs together",
    "PlanDefinition": "the policy: when it is asked, indications, criteria, paragraphs",
    "ImplementationGuide": "this package as a resource",
}
_WITH_CPT = (
    "The value sets whose ids end in `-cpt` hold CPT numbers, without descriptors. Whoever uses "
    "them needs a licence of the American Medical Association; there is a package without them."
)
_WITHOUT_CPT = (
    "CPT codes are not in this package. The plan names the value sets that hold them, which are in "
    "another package: whoever uses those needs a licence of the American Medical Association."
)

_README = """\
# {title}

{description}

Package `{package}`, version {version}, FHIR R4 ({fhir}). Every url stands below {base}
and has one version here. All files are in `package/`:

| files | number | what they are |
| --- | --- | --- |
{rows}
The package follows the npm layout of FHIR packages; its one dependency, hl7.fhir.r4.core, is in
no npm registry, so use FHIR tools to load it.

Codes of dated lists are those in force on the first service day of the release. Which version
decides depends on the service date: `resource-effectivePeriod` holds the days.

## Notices

{rights}

{notices}

This is not legal or coding advice, and CMS has not endorsed it. See LICENSE.
"""
_CLOSED = """\
The package as a whole is under no open licence: some of its codes belong to others, and may be used
on their terms only. Their notices stand below.

"""
_LICENCE = """\
{title}

{closed}What {publisher} wrote is licensed under the Apache License, Version 2.0. You may obtain a
copy at

    http://www.apache.org/licenses/LICENSE-2.0

It is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either
express or implied.

Codes and titles of ICD-10-CM, ICD-10-PCS and HCPCS Level II are works of the United States
government. Other code systems belong to their owners, whose notices are these:

{notices}
"""


def readme_text(
    guide: ImplementationGuide,
    release: Release,
    counts: Mapping[str, int],
    notices: Sequence[str],
    *,
    licensed: bool,
) -> str:
    """The README of a package, as Markdown.

    Args:
        guide: its guide.
        release: the release that is packed.
        counts: how many resources of each type are in it.
        notices: those of the owners whose codes are in it.
        licensed: whether CPT codes are in it.
    """
    rows = "".join(
        f"| `{kind}-*.json` | {counts[kind]} | {meaning} |\n"
        for kind, meaning in _CONTENTS.items()
        if kind in counts
    )
    return _README.format(
        title=guide.title,
        description=guide.description,
        package=guide.package_id,
        version=release.version,
        fhir=guide.fhir_version[0],
        base=(guide.url or "").partition("/ImplementationGuide/")[0],
        rows=rows,
        rights=_WITH_CPT if licensed else _WITHOUT_CPT,
        notices="\n\n".join(notices),
    )


def licence_text(guide: ImplementationGuide, notices: Sequence[str]) -> str:
    """The licence of a package.

    Args:
        guide: its guide.
        notices: those of the owners whose codes are in it.
    """
    return _LICENCE.format(
        title=guide.title,
        closed=_CLOSED if notices else "",
        publisher=PUBLISHER,
        notices="\n\n".join(notices),
    )
