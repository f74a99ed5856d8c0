"""``audit fetch`` from a real FHIR server, over TLS, as a client of SMART Backend Services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import trustme

from bulk_fetches import contents, kept
from command_line import run
from defib_coverage.hooks.trust.signing import write_key
from fhir_servers import real_server
from tokens import KEY, OTHER_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from live_server import Json

TOKEN = "for-those-who-store"  # noqa: S105 - invented


def resources() -> list[Json]:
    patients = [
        {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": "Bergström"}]}
        for n in range(12)
    ]
    conditions = [
        {"resourceType": "Condition", "id": f"c{n}", "subject": {"reference": f"Patient/p{n % 12}"}}
        for n in range(40)
    ]
    group = {
        "resourceType": "Group",
        "id": "icd",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": f"Patient/p{n}"}} for n in range(3)],
    }
    return [*patients, *conditions, group]


def test_a_real_server_over_tls_with_backend_services(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, secret, trusted = (str(tmp_path / name) for name in ("cert", "key", "ca"))
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(secret)
    authority.cert_pem.write_to_path(trusted)
    key, other = tmp_path / "audit.private.json", tmp_path / "other.private.json"
    write_key(KEY, key)
    write_key(OTHER_KEY, other)
    clients = {"audit": {"keys": [KEY.public()]}}
    with real_server(TOKEN, (certificate, secret, trusted), clients) as server:
        server.store(resources())

        def fetch(folder: str, *options: object) -> tuple[int, str, str]:
            done = run(
                *("audit", "fetch", server.base, "-o", str(tmp_path / folder)),
                *map(str, options),
                settings={"CA_BUNDLE": trusted},
            )
            return done.returncode, done.stdout, done.stderr

        assert "asks who is calling (401)" in fetch("nobody")[2]
        stranger = ("--client-id", "audit", "--key", other)
        assert "refuses the client (401: invalid_client" in fetch("stranger", *stranger)[2]

        client = ("--client-id", "audit", "--key", key)
        code, said, errors = fetch("all", *client)
        assert (code, errors) == (0, "")
        assert "52 resources in 2 files" in said
        found = contents(tmp_path / "all")
        assert set(found) == {"Condition.000.ndjson", "Patient.000.ndjson"}
        ids = {json.loads(line)["id"] for body in found.values() for line in body.splitlines()}
        assert ids == {one["id"] for one in resources() if one["resourceType"] != "Group"}
        # Who may only read may not delete, this server finds: the export stays, and that is said.
        assert "may forget the export (it answered 403)" in said
        assert kept(tmp_path / "all")["removed"] is False

        code, said, _ = fetch("group", *client, "--group", "icd", "--types", "Condition")
        assert code == 0
        lines = contents(tmp_path / "group")["Condition.000.ndjson"].splitlines()
        subjects = {json.loads(line)["subject"]["reference"] for line in lines}
        assert subjects == {"Patient/p0", "Patient/p1", "Patient/p2"}

        code, _, errors = fetch("none", *client, "--group", "nobody")
        assert code == 2
        assert "refuses the export (404: Group/nobody not found); try another --group" in errors

        code, said, _ = fetch("since", *client, "--since", "2099-01-01T00:00:00Z")
        assert code == 0
        assert "0 resources in 0 files" in said

        # Who does not know the authority sends nothing, above all no token.
        done = run("audit", "fetch", server.base, "-o", tmp_path / "untrusted", *map(str, client))
        assert done.returncode == 2
        assert "has a certificate that is not trusted; DEFIB_COVERAGE_CA_BUNDLE" in done.stderr
