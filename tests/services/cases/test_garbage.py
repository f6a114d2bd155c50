"""Objects that nothing refers to go, in two phases; what anything counts on stays, whoever dies in between."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ictogram.intake.v1 import intake_pb2

import migrations
from schemas.case import StepName
from schemas.errors import InvalidRequestError, NotFoundError, ObjectMissingError, StateConflictError
from schemas.recording import ObjectRef, Recording, SourceFile
from services.cases import calls
from services.cases.collector import Collected, Collector
from services.cases.migrate import migrate
from services.cases.settings import CasesSettings
from services.cases.store import cases, garbage, results, runs, steps
from services.cases.store.database import Database
from services.cases.store.steps import Claim
from services.launcher.postgres import PostgresServer
from services.runtime.objects import ObjectStore
from tests.services.cases.conftest import new_case
from tests.support.answers import answer
from tests.support.stores import fresh_database

Ring = Callable[[], list[str]]
NOTHING = Collected(0, 0, 0, 0)


@dataclass
class House:
    """A store of rows and a store of objects; what services would write is written."""

    database: Database
    settings: CasesSettings
    store: ObjectStore
    ring: Ring

    def upload(self, name: str = "u1", site: str = "site-a") -> ObjectRef:
        return self.store.put_bytes(name.encode(), self.store.join("", site, "uploads", name, "source"), "video/mp4")

    def open_case(self, *uploads: ObjectRef, name: str = "") -> str:
        recordings = tuple(Recording(f"r{n}", (SourceFile(ref),)) for n, ref in enumerate(uploads, 1))
        with self.database.worker() as connection:
            return cases.create(connection, replace(new_case(name=name), recordings=recordings), "", 3)[0]

    def step(self, kind: StepName, *, finish: bool = True) -> Claim:
        """Claim the one ready step of a kind, write its objects, and finish it."""
        self.ring()
        with self.database.worker() as connection:
            row = connection.execute("SELECT id FROM step WHERE name = %s AND status = 'ready'", (kind,)).fetchone()
            assert row is not None, f"no {kind} is ready"
            held = steps.claim(connection, str(row["id"]), 60.0)
            assert held is not None
            edition = results.edition(connection, held.run_id) if kind is StepName.REPORT else None
            known = calls.Known(cases.load(connection, held.case_id), results.of_run(connection, held.run_id), edition)
        prefix = self.store.join("", held.site_id, held.case_id, held.run_id, f"{kind}-{held.lease_token.hex[:8]}")
        request = calls.build(held, known, prefix)
        with self.database.worker() as connection:
            key, stored = results.find_whole(connection, held.site_id, calls.key(held, request))
        content = stored or answer(kind, request).SerializeToString(deterministic=True)
        if stored is None:
            for ref in results.objects.named_in(results.RESULTS[kind].FromString(content)):
                if ref.uri.startswith(prefix):
                    self.store.put_bytes(b"made", ref.uri, ref.media_type)
        if finish:
            with self.database.worker() as connection:
                results.finish(connection, held, key, content, digest="d", reused=stored is not None, destinations=())
        return held

    def journey(self) -> None:
        for kind in StepName:
            self.step(kind)

    def collect(self, **settings: Any) -> Collected:
        return Collector(self.settings.model_copy(update=settings), self.database, self.store).collect()

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """As the owner of the tables."""
        with psycopg.connect(self.settings.database, row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("SET search_path TO cases")
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []

    def states(self) -> dict[str, str]:
        rows = self.sql(
            "SELECT uri, CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN doomed_at IS NOT NULL THEN 'doomed'"
            " WHEN condemned_at IS NOT NULL THEN 'condemned' ELSE 'live' END AS state FROM object"
        )
        return {row["uri"]: row["state"] for row in rows}

    def files(self) -> set[str]:
        return {path.as_uri() for path in Path(self.store.root.removeprefix("file://")).rglob("*") if path.is_file()}


@pytest.fixture
def house(database: Database, settings: CasesSettings, tmp_path: Path, ring_all: Ring) -> House:
    patient = settings.model_copy(update={"garbage_grace_s": 0.0})
    return House(database, patient, ObjectStore((tmp_path / "objects").as_uri()), ring_all)


def test_what_a_case_refers_to_stays(house: House) -> None:
    house.open_case(house.upload())
    house.journey()
    before = house.files()
    assert len(before) == 6
    assert house.collect() == NOTHING
    assert house.files() == before
    assert set(house.states()) == before, "every stored object has its row"


def test_what_nothing_refers_to_goes_only_after_the_grace_period(house: House) -> None:
    case_id = house.open_case(house.upload())
    house.journey()
    with house.database.worker() as connection:  # as operations.md says
        connection.execute('DELETE FROM "case" WHERE id = %s', (case_id,))

    first = house.collect(garbage_grace_s=3600.0)
    assert (first.condemned, first.deleted, len(house.files())) == (6, 0, 6)
    assert house.collect(garbage_grace_s=3600.0) == NOTHING, "it is condemned once, and waits"

    assert house.collect().deleted == 6
    assert house.files() == set()
    assert set(house.states().values()) == {"deleted"}, "tombstones stay"
    assert house.collect() == NOTHING


def test_an_object_wanted_again_in_time_is_absolved(house: House) -> None:
    upload = house.upload()
    first = house.open_case(upload, name="one")
    house.sql('DELETE FROM "case" WHERE id = %s', first)
    house.collect(garbage_grace_s=3600.0)
    assert house.states()[upload.uri] == "condemned"
    house.open_case(upload, name="two")
    assert house.states()[upload.uri] == "live"
    assert house.collect() == NOTHING


def test_an_object_that_is_being_deleted_opens_no_case(house: House) -> None:
    upload = house.upload()
    case_id = house.open_case(upload, name="one")
    house.sql('DELETE FROM "case" WHERE id = %s', case_id)
    house.collect()
    with pytest.raises(ObjectMissingError, match="was deleted"):
        house.open_case(upload, name="two")


def test_an_upload_shared_by_two_cases_goes_with_the_second(house: House) -> None:
    upload = house.upload()
    ids = [house.open_case(upload, name=name) for name in ("one", "two")]
    house.sql('DELETE FROM "case" WHERE id = %s', ids[0])
    assert house.collect() == NOTHING
    house.sql('DELETE FROM "case" WHERE id = %s', ids[1])
    assert house.collect().deleted == 1


def test_results_shared_by_two_cases_keep_their_objects(house: House) -> None:
    first = house.open_case(house.upload("same"), name="one")
    house.journey()
    house.open_case(house.upload("same"), name="two")
    with house.database.worker() as connection:
        source = connection.execute("SELECT uri FROM recording_file WHERE case_id <> %s", (first,)).fetchone()
    assert source is not None
    house.journey()
    reused = [uri for uri, state in house.states().items() if f"/{first}/" in uri and "report" not in uri]
    assert len(reused) == 2
    house.sql('DELETE FROM "case" WHERE id = %s', first)
    house.collect()
    assert {house.states()[uri] for uri in reused} == {"live"}, "the second case uses what the first one made"
    assert all(house.store.exists(uri) for uri in reused)


@pytest.mark.req("a-legal-hold-keeps-everything")
def test_a_legal_hold_keeps_the_case_and_all_it_refers_to(house: House) -> None:
    case_id = house.open_case(house.upload())
    house.journey()
    house.sql('UPDATE "case" SET legal_hold = true')
    house.sql("UPDATE object SET expires_at = now() - interval '1 day'")
    assert house.collect(retain_source_days=1e-9, retain_derived_days=1e-9, retain_report_days=1e-9) == NOTHING
    with pytest.raises(psycopg.IntegrityError, match="legal hold"):
        house.sql('DELETE FROM "case" WHERE id = %s', case_id)
    house.sql('UPDATE "case" SET legal_hold = false')
    house.sql("UPDATE object SET legal_hold = true WHERE class = 'source'")
    house.collect()
    kept = {uri for uri, state in house.states().items() if state == "live"}
    assert [uri.rsplit("/", 1)[-1] for uri in kept] == ["source"]


def test_a_hold_that_comes_in_the_grace_period_is_honoured(house: House) -> None:
    house.open_case(house.upload())
    house.journey()
    house.collect(retain_source_days=1e-9, garbage_grace_s=3600.0)
    assert "condemned" in house.states().values()
    house.sql('UPDATE "case" SET legal_hold = true')
    assert house.collect(retain_source_days=1e-9).absolved == 1
    assert set(house.states().values()) == {"live"}


def test_retention_is_by_class_and_spares_cases_under_way(house: House) -> None:
    case_id = house.open_case(house.upload())
    house.step(StepName.INTAKE)
    limits = {"retain_source_days": 1e-9, "retain_derived_days": 0.0}
    assert house.collect(**limits) == NOTHING, "the case is under way"
    for kind in list(StepName)[1:]:
        house.step(kind)
    assert house.collect(**limits).deleted == 1
    gone = [uri for uri, state in house.states().items() if state == "deleted"]
    assert [uri.rsplit("/", 1)[-1] for uri in gone] == ["source"]
    with house.database.worker() as connection:
        assert results.report_of(connection, case_id, 0)
        with pytest.raises(StateConflictError, match="retention time was over"):
            runs.rerun(connection, case_id, "", 3)
    assert house.collect(retain_report_days=1e-9).deleted == 3
    with house.database.worker() as connection, pytest.raises(NotFoundError, match="retention time was over"):
        results.report_of(connection, case_id, 0)


def test_a_result_whose_objects_are_gone_is_made_again(house: House) -> None:
    house.open_case(house.upload())
    house.journey()
    assert house.collect(retain_derived_days=1e-9).deleted == 2
    with house.database.worker() as connection:
        row = connection.execute('SELECT id FROM "case"').fetchone()
        assert row is not None
        runs.rerun(connection, str(row["id"]), "", 3)
    house.journey()
    assert sorted(house.sql('SELECT name, reused FROM step WHERE run_id = (SELECT run_id FROM "case")'), key=str) == (
        sorted([{"name": kind.value, "reused": False} for kind in StepName], key=str)
    )
    live = {uri for uri, state in house.states().items() if state == "live"}
    assert live == house.files()


def test_what_an_interrupted_step_left_is_found_when_its_run_has_ended(house: House) -> None:
    case_id = house.open_case(house.upload())
    house.step(StepName.INTAKE, finish=False)
    assert house.collect() == NOTHING, "its run goes on"
    with house.database.worker() as connection:
        runs.cancel(connection, case_id)
    assert house.collect(garbage_grace_s=3600.0) == NOTHING, "its service may still be writing"
    assert house.collect().deleted == 1
    assert {uri.rsplit("/", 1)[-1] for uri in house.files()} == {"source"}
    assert house.collect() == NOTHING


def test_a_case_deleted_while_a_step_writes_leaves_nothing(house: House) -> None:
    case_id = house.open_case(house.upload())
    house.step(StepName.INTAKE)
    held = house.step(StepName.SEGMENTATION, finish=False)
    with house.database.worker() as connection:
        connection.execute('DELETE FROM "case" WHERE id = %s', (case_id,))
    with house.database.worker() as connection:
        assert not steps.progress(connection, held, 60.0, 0.5, "", ""), "the call in flight notices"
    house.collect()
    assert house.files() == set()
    assert house.sql("SELECT FROM deleted_run") == []


def test_a_run_that_is_tried_again_is_not_tidied_under_its_feet(house: House) -> None:
    case_id = house.open_case(house.upload())
    held = house.step(StepName.INTAKE, finish=False)
    with house.database.worker() as connection:
        steps.fail(connection, held, InvalidRequestError())
        (ended,) = garbage.untidied(connection, 0.0, 10)
        runs.retry(connection, case_id)
        assert garbage.tidy(connection, ended, house.files()) == 0
        assert garbage.untidied(connection, 0.0, 10) == []


def test_of_two_results_under_one_key_the_loser_goes(house: House) -> None:
    house.open_case(house.upload("same"), name="one")
    house.open_case(house.upload("same"), name="two")
    house.ring()
    held = []
    with house.database.worker() as connection:
        for row in connection.execute("SELECT id FROM step WHERE status = 'ready'").fetchall():
            claim = steps.claim(connection, str(row["id"]), 60.0)
            assert claim is not None
            held.append(claim)
    for claim in held:
        with house.database.worker() as connection:
            known = calls.Known(cases.load(connection, claim.case_id), {})
            request = calls.build(claim, known, house.store.join("", claim.site_id, claim.case_id, claim.run_id, "i"))
            content = answer(StepName.INTAKE, request).SerializeToString(deterministic=True)
            results.finish(connection, claim, "k", content, digest="d", reused=False, destinations=())
    first, second = (f"/{claim.case_id}/" for claim in held)
    house.collect()
    assert {state for uri, state in house.states().items() if first in uri} == {"live"}
    assert {state for uri, state in house.states().items() if second in uri and "uploads" not in uri} == {"deleted"}


def test_an_upload_that_the_gateway_forgot_goes_unless_a_case_has_it(house: House) -> None:
    taken, free = house.upload("taken"), house.upload("free")
    house.open_case(taken)
    with house.database.site("site-a") as connection:
        for ref in (taken, free, free):
            garbage.release(connection, "site-a", ref)
        with pytest.raises(InvalidRequestError, match="own site"):
            garbage.release(connection, "site-a", house.upload("theirs", site="site-b"))
    house.collect()
    assert (house.store.exists(taken.uri), house.store.exists(free.uri)) == (True, False)


def test_half_written_files_go_after_a_day(house: House) -> None:
    folder = Path(house.store.root.removeprefix("file://")) / "site-a"
    folder.mkdir(parents=True)
    old, new = folder / ".part-old", folder / ".part-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert house.collect().leftovers == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_an_object_that_cannot_be_deleted_holds_up_no_other(house: House) -> None:
    with house.database.worker() as connection:
        connection.execute("INSERT INTO site (id) VALUES ('site-a')")
        garbage.release(
            connection, "site-a", replace(house.upload("a"), uri="file:///elsewhere/site-a/uploads/a/source")
        )
        garbage.release(connection, "site-a", house.upload("b"))
    assert house.collect().deleted == 1
    assert sorted(house.states().values()) == ["deleted", "doomed"]


def test_results_from_before_the_second_schema_keep_their_objects(postgres: PostgresServer) -> None:
    with fresh_database(postgres) as dsn:
        folder = Path(migrations.__file__).parent / "sql"
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE SCHEMA cases")
            connection.execute("SET search_path TO cases")
            for name in ("0001_tables.sql", "0001_functions.sql", "0001_security.sql"):
                connection.execute((folder / name).read_text(encoding="utf-8"))
            connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
            connection.execute("INSERT INTO alembic_version VALUES ('0001'); INSERT INTO site (id) VALUES ('a')")
            content = answer(StepName.INTAKE, intake_pb2.IngestRequest(context={"output_prefix": "file:///o/x"}))
            connection.execute(
                "INSERT INTO step_result (site_id, key, name, content, made_by, digest)"
                " VALUES ('a', 'k', 'intake', %s, gen_random_uuid(), 'd')",
                (content.SerializeToString(),),
            )
            for uri in ("file:///o/x/proxy.mp4", "file:///o/x/other.mp4"):
                connection.execute(
                    "INSERT INTO object (uri, site_id, sha256, bytes, media_type, class)"
                    " VALUES (%s, 'a', '', 0, '', 'derived')",
                    (uri,),
                )
        migrate(dsn)
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT key, uri FROM cases.result_object").fetchall() == [
                ("k", "file:///o/x/proxy.mp4")
            ]


def _collect_in_a_process(settings: str, root: str) -> None:
    read = CasesSettings.model_validate(json.loads(settings))
    with Database(read) as database:
        Collector(read, database, ObjectStore(root)).collect()


@pytest.mark.req("a-killed-process-loses-nothing")
@pytest.mark.parametrize("point", ["cases.garbage.doomed_before_delete", "cases.garbage.deleted_before_noted"])
def test_a_collector_killed_between_the_phases_is_made_good(
    house: House, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = house.open_case(house.upload("kept"), name="kept")
    house.journey()
    lost = house.open_case(house.upload("lost"), name="lost")
    house.journey()
    house.sql('DELETE FROM "case" WHERE id = %s', lost)
    monkeypatch.setenv("ICTOGRAM_FAILPOINTS", f"{point}=kill@1")
    process = multiprocessing.get_context("spawn").Process(
        target=_collect_in_a_process, args=(house.settings.model_dump_json(), house.store.root)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert sorted(set(house.states().values())) == ["doomed", "live"]
    monkeypatch.delenv("ICTOGRAM_FAILPOINTS")

    house.collect()

    live = {uri for uri, state in house.states().items() if state == "live"}
    assert live == house.files()
    assert any(f"/{kept}/" in uri for uri in live)
    assert "doomed" not in house.states().values()
