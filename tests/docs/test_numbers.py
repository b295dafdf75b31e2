"""The limits that the docs promise are those of the code: a test that takes a limit from the code sees no other one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from api import create_app
from api.middleware import body_timeout, idle_timeout
from api.policy import DETAILS, FILES, LONG, UPLOADS
from api.problems import LARGEST_BODY
from api.routes.builds import LISTED
from api.routes.health import FULL_SECONDS
from api.schemas.customers import LOOKUP_LIMIT
from api.settings import SHORTEST_TOKEN, Settings
from api.store.publication import POLL_SECONDS
from pipeline import delivery
from pipeline.jobs import MOST_QUEUED, inspector, notify, uploads, worker
from pipeline.jobs.jobs import ABANDONED
from pipeline.settings import Settings as Asked
from tests.docs.markdown import DOCS

WORDS = dict(enumerate(["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]))
WORDS[100] = "hundred"
SETTINGS = Settings(DOCS)
TOLD = {
    "api": [
        f"with `{{\"user_ids\": […]}}`, up to {LOOKUP_LIMIT:,} |",
        f"At most {WORDS[LONG.at_once]} long requests (lists, lookups, CSV, history, segments, summary) and "
        f"{DETAILS.at_once} for a customer's details or the metrics run at once, and {WORDS[FILES.at_once]} fetch the "
        "files of `/docs`",
        f"Where no place has been free for {WORDS[FULL_SECONDS]} seconds, `/health` says so",
        f"`UPLOAD_LIMIT` is {SETTINGS.upload_limit / 2**30:g} GB. {WORDS[UPLOADS.at_once].title()} uploads may come in "
        f"at once and {MOST_QUEUED} builds may wait or be held",
        f"comes in at less than {body_timeout.SLOWEST / 1000:g} KB a second (408)",
        f"has no room beside {uploads.RESERVE / 2**30:g} GB for the builds, now or while it comes in (507)",
        f"What nobody decides on within {'a day' if timedelta(days=1) == ABANDONED else ABANDONED} is cancelled.",
    ],
    "operations": [
        f"One token a line, at least {SHORTEST_TOKEN} characters",
        f"a connection on which nothing moves for {SETTINGS.idle_seconds:g} seconds, or whose answer is taken "
        f"at less than {idle_timeout.SLOWEST / 1000:g} KB a second, is closed, and "
        f"a body has {SETTINGS.body_seconds:g} seconds",
        f"client_max_body_size {LARGEST_BODY / 2**20:g}m; # as the API has it; for uploads "
        f"{SETTINGS.upload_limit / 2**30:g}g,",
        f"What fails is tried {WORDS[notify.ATTEMPTS]} times within a minute",
        f"it looks at beside whatever it builds, for {WORDS[inspector.MOST_SECONDS // 60]} minutes at most",
        f"begins the interrupted build again, {WORDS[worker.MOST_ATTEMPTS - 1].replace('one', 'once')}, unless",
    ],
    "publishing-and-history": [f"More than {Asked.one_file // 10**6} million customers"],
    "inside": [f"notices within a {WORDS[round(1 / POLL_SECONDS)]}th of a second"],
}  # fmt: skip


@pytest.mark.parametrize(("page", "sentence"), [(page, each) for page, told in TOLD.items() for each in told])
def test_a_limit_that_the_docs_tell_is_that_of_the_code(page: str, sentence: str) -> None:
    text = " ".join((DOCS / f"{page}.md").read_text("utf-8").split())
    assert sentence in text


def test_what_only_the_contract_and_the_code_tell_agrees() -> None:
    assert sum(notify.FIRST_WAIT * 2**n for n in range(notify.ATTEMPTS - 1)) < 60
    contract = create_app(SETTINGS).test_client().get("/openapi.json").text
    for text in (contract, (DOCS / "api.md").read_text("utf-8")):
        assert set(re.findall(r"\b[Tt]he latest (\w+)", text)) == {WORDS[LISTED]}
    assert idle_timeout.SLOWEST == body_timeout.SLOWEST
    assert (delivery.LOCK_TIMEOUT, delivery.TRIES * (0.5 + delivery.PAUSE)) == ("500ms", 60)  # "for about a minute"
