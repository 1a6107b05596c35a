from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.index.terms import (
    CHUNK_LINES,
    body_terms,
    def_terms,
    name_terms,
    path_terms,
    query_terms,
    stem,
)
from repoctx.values import Kind, Symbol


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("retry_delay", ("retri", "delai", "retrydelai")),
        ("retryDelay", ("retri", "delai", "retrydelai")),
        ("RetryPolicy", ("retri", "polici", "retrypolici")),
        ("HTTPServer", ("http", "server", "httpserver")),
        ("__init__", ("init",)),
        ("sha256", ("sha", "sha256")),
        ("mod::f_x", ("mod", "fx")),
        ("日本語", ("日本", "本語", "日本語")),
        ("größe_max", ("größe", "max", "größemax")),
        ("+", ()),
    ],
)
def test_a_name_gives_its_parts_and_itself(name: str, terms: tuple[str, ...]) -> None:
    assert name_terms(name) == terms


@pytest.mark.parametrize(
    "words",
    [
        "retry retries retried",
        "compute computes computed computing",
        "class classes",
        "stop stops stopped stopping",
        "match matches matched matching",
        "file files",
        "query queries",
    ],
)
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


def test_other_words_keep_their_own_stem() -> None:
    words = ["bus", "status", "string", "this", "analysis", "sing", "red", "bed"]
    assert len({stem(word) for word in words}) == len(words)


def test_a_body_is_one_line_a_chunk_and_drops_what_says_nothing() -> None:
    text = "alpha = the_value\n" + "\n" * (CHUNK_LINES - 1) + "update alpha alpha"
    first, second = body_terms(text).split("\n")
    assert first.split() == ["alpha", "valu", "thevalu"]
    assert second.split() == ["alpha", "alpha"]


def test_definitions_stand_in_the_line_of_their_chunk() -> None:
    symbols = [
        Symbol("update", Kind.FUNCTION, 1, 2, ""),
        Symbol("run", Kind.FUNCTION, 2 * CHUNK_LINES + 1, 100, ""),
    ]
    assert def_terms(symbols) == "updat\n\nrun"
    assert def_terms([]) == ""


def test_long_names_are_found_when_they_are_defined() -> None:
    name = "should_" * 20 + "work"
    assert body_terms(name) == ""
    assert "work" in def_terms([Symbol(name, Kind.FUNCTION, 1, 1, "")]).split()


def test_path_terms_tell_folders_from_the_name() -> None:
    folders, name = path_terms("lib/plugins/taskExecutor.py")
    assert folders == ("lib", "plugin")
    assert name == ("task", "executor", "taskexecutor", "py")


def test_the_first_line_of_a_query_counts_twice() -> None:
    weights = query_terms("retry delay\n\nretry of the socket")
    assert weights["retri"] == weights["delai"] == 2
    assert weights["socket"] == 1
    assert "the" not in weights


def test_neighbouring_words_may_be_one_identifier() -> None:
    assert "tableofcontent" in query_terms("render the table of contents")


def test_a_query_of_stopwords_means_them() -> None:
    assert query_terms("update") == {"updat": 2}
    assert query_terms("  \n ") == {}


@given(st.text())
def test_any_text_has_terms_without_separators(text: str) -> None:
    body = body_terms(text)
    assert len(body.split("\n")) == len(text.split("\n")[::CHUNK_LINES])
    assert body == body_terms(text)
    for term in query_terms(text):
        assert term
        assert not set(term) & set(' "\n')
