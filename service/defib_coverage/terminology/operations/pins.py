"""Which versions of code systems and value sets a request settles on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.operations.errors import quoted, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from defib_coverage.terminology.operations.given import Given


def split(canonical: str) -> tuple[str, str | None]:
    """Url and version of a canonical; None without one."""
    url, _, version = canonical.partition("|")
    return url, version or None


class Pins:
    """Versions that fill a gap, that must be met, that override; by url."""

    def __init__(
        self,
        default: Mapping[str, str],
        check: Mapping[str, str],
        force: Mapping[str, str],
        kind: str,
    ) -> None:
        """Keep them; ``kind`` is what they are versions of, for messages."""
        self._default = default
        self._check = check
        self.force = force
        self._kind = kind

    def settle(self, url: str, pinned: str | None) -> str | None:
        """The version to use, None where nothing says one.

        Args:
            url: of the code system or value set.
            pinned: what a definition or the client says for this one.
        """
        return self.force.get(url) or pinned or self._default.get(url)

    def check(self, url: str, used: str | None) -> None:
        """Check the version that is used against what the client insists on.

        Raises:
            TerminologyError: 422 where it is another.
        """
        wanted = self._check.get(url)
        if wanted is not None and used != wanted:
            have = "no version" if used is None else f"version {quoted(used)}"
            text = f"the {self._kind} {url} is used in {have}, not in {quoted(wanted)} as asked"
            raise refusal(422, "exception", text, tx="version-error")

    @property
    def is_empty(self) -> bool:
        """Whether no code system or value set is named."""
        return not (self._default or self._check or self.force)


def pins_of(
    given: Given,
    kind: str,
    manifest: Iterable[str] = (),
    understood: Callable[[str], str] = str,
) -> Pins:
    """What the parameters of a request say of versions.

    Args:
        given: the input.
        kind: ``system`` or ``valueset``.
        manifest: canonicals with a version that a manifest brings; parameters go before them.
        understood: the url under which another spelling of one is known.

    Raises:
        TerminologyError: 400 for a canonical without a version, and for two versions of one url.
    """
    default = {url: version for url, version in map(split, manifest) if version is not None}
    default |= _read(given, f"default-{kind}-version", understood)
    if kind == "system":
        default |= _read(given, "system-version", understood)
    names = {"system": "code system", "valueset": "value set"}
    return Pins(
        default,
        _read(given, f"check-{kind}-version", understood),
        _read(given, f"force-{kind}-version", understood),
        names[kind],
    )


def _read(given: Given, name: str, understood: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for canonical in given.texts(name):
        url, version = split(canonical)
        if version is None or not url:
            text = f"{name} must be a url and a version with | between, not {quoted(canonical)}"
            raise refusal(400, "invalid", text, place=name)
        if found.setdefault(understood(url), version) != version:
            text = f"{name} asks for two versions of {quoted(url)}"
            raise refusal(400, "invalid", text, place=name)
    return found
