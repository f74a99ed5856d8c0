"""``policy show``: the policy in force on a day, for a person to read."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING

from defib_coverage.content import load
from defib_coverage.coverage.dates import DAY
from defib_coverage.explaining.order_effect import effect_of
from defib_coverage.explaining.order_lists import order_codes
from defib_coverage.explaining.policy_text import PolicyText
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from defib_coverage.command.page import Page
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion


def known_today() -> tuple[Knowledge, date]:
    """What this installation knows, and today in its zone.

    Raises:
        DataError: the data or the site's overlay cannot be used.
        SettingsError: a setting cannot be used.
    """
    settings = read_settings(os.environ)
    return load(settings.overlay_folder).knowledge(), datetime.now(settings.time_zone).date()


def print_policy(on: date | None, page: Page) -> None:
    """Print the policy in force on a day, today if none is given."""
    knowledge, today = known_today()
    day = on or today
    version = knowledge.library.in_force(day)
    if version is None:
        first = knowledge.library.versions[0].effective
        page.line(f"No policy is in force on {day}; the first version begins on {first}.")
        return
    text = PolicyText(version, knowledge.index, day)
    _print_head(version, knowledge.library, day, page)
    _print_indications(version, page)
    page.heading("How each criterion is judged")
    for criterion in version.criteria.values():
        page.item(f"{criterion.label} ({criterion.cite}): {text.criterion(criterion)}")
    page.heading("Waiting periods")
    for name, event in version.waiting.items():
        page.item(f"{name}, {event.label}, {event.last_excluded} ({event.cite}):")
        for line in text.waiting(event):
            page.line(line, indent=4)
    for exception in version.exceptions.values():
        gist = version.paragraphs[exception.cite]
        page.item(f"{exception.label} ({exception.cite}): {gist}")
    page.heading(f"Orders, with the codes in force on {day}")
    for order_class, rule in version.orders.items():
        page.item(f"{order_class}: {effect_of(rule, version)}")
        for code in order_codes(order_class, knowledge.index, day):
            shared = " (also serves pacemakers)" if code.shared else ""
            page.line(f"{code.system_name} {code.code}  {code.meaning}{shared}", indent=4)
    page.heading("The paragraphs that cards and determinations cite, in our own words")
    for paragraph, gist in version.paragraphs.items():
        # What a revision changed is told of other days.
        if not paragraph.startswith("P-REV"):
            page.item(f"{paragraph}: {gist}")


def _print_head(version: PolicyVersion, library: PolicyLibrary, day: date, page: Page) -> None:
    page.line(f"{version.title}: {version.citation}", style="bold")
    later = next((v for v in library.versions if v.effective > day), None)
    until = "no later version" if later is None else f"through {later.effective - DAY}"
    page.line(f"Version {version.version}, in force on {day}: from {version.effective}, {until}.")
    page.line(version.article_url)
    page.line(version.ncd_url)


def _print_indications(version: PolicyVersion, page: Page) -> None:
    page.heading("Indications, each met by all of its criteria")
    for name, indication in version.indications.items():
        page.item(f"{name}: {indication.label} ({indication.cite})")
        for criterion in indication.all_of:
            rule = version.criteria[criterion]
            page.item(f"{rule.label} ({rule.cite})", indent=4)
        if indication.exempt:
            page.line("No waiting period binds a patient who meets it.", indent=4)
    always = list(dict.fromkeys(c for rule in version.orders.values() for c in rule.always))
    page.item("Beside every indication:")
    for criterion in always:
        rule = version.criteria[criterion]
        page.item(f"{rule.label} ({rule.cite})", indent=4)
