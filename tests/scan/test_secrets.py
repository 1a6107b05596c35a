"""The samples are put together at run time, so that no scanner takes them for real."""

from __future__ import annotations

import hashlib
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoctx.scan import redact

ALNUM = string.ascii_letters + string.digits


def chance(size: int, alphabet: str = ALNUM, seed: int = 7) -> str:
    """Characters that look drawn by chance, the same ones every time."""
    return "".join(random.Random(seed * 1000 + size).choices(alphabet, k=size))


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
JWT = ".".join("eyJ" + chance(40, seed=s) for s in (1, 2)) + "." + chance(43)
TOKENS = {
    "aws-key": ["AK" + "IA" + chance(16, UPPER), "AS" + "IA" + chance(16, UPPER)],
    "google-key": ["AI" + "za" + chance(35)],
    "google-oauth": ["ya" + "29." + chance(60), "GOC" + "SPX-" + chance(28)],
    "github-token": ["gh" + "p_" + chance(36), "github_" + "pat_" + chance(82)],
    "gitlab-token": ["gl" + "pat-" + chance(20)],
    "slack-token": ["xo" + "xb-" + "-".join(chance(12, seed=s) for s in (1, 2, 3))],
    "stripe-key": ["sk_" + "live_" + chance(24), "wh" + "sec_" + chance(32)],
    "twilio-key": ["S" + "K" + chance(32, HEX)],
    "sendgrid-key": ["S" + "G." + chance(22) + "." + chance(43)],
    "mailgun-key": ["ke" + "y-" + chance(32, HEX)],
    "npm-token": ["np" + "m_" + chance(36)],
    "pypi-token": ["py" + "pi-AgE" + chance(100)],
    "openai-key": [
        "s" + "k-proj-" + chance(100),
        "s" + "k-" + chance(20) + "T3Blbk" + "FJ" + chance(20),
    ],
    "anthropic-key": ["s" + "k-ant-api03-" + chance(93)],
    "huggingface-token": ["h" + "f_" + chance(34, string.ascii_letters)],
    "digitalocean-token": ["do" + "p_v1_" + chance(64, HEX)],
    "shopify-token": ["sh" + "pat_" + chance(32, HEX)],
    "databricks-token": ["da" + "pi" + chance(32, HEX)],
    "vault-token": ["hv" + "s." + chance(90)],
    "grafana-token": ["gl" + "sa_" + chance(32) + "_" + chance(8, HEX)],
    "atlassian-token": ["AT" + "ATT3" + chance(180)],
    "age-key": ["AGE-" + "SECRET-KEY-1" + chance(58, UPPER)],
    "jwt": [JWT],
}
IN_CONTEXT = {
    "aws-secret": ("aws_" + "secret_access_key = ", chance(40), "\n"),
    "azure-key": ("AccountName=x;Account" + "Key=", chance(86) + "==", ";"),
    "slack-webhook": ("https://hooks.slack.com/services/", "T0/B0/" + chance(24), " "),
    "npm-token": ("//registry.example.org/:_auth" + "Token=", chance(36), "\n"),
    "authorization": ("Authorization: ", "Bea" + "rer " + chance(40), "'"),
    "url-password": ("postgres://app:", "hunter" + "2!x", "@db:5432/x"),
    "assigned-secret": ("DB_PASS" + "WORD=", chance(20), "\n"),
}


@pytest.mark.parametrize(
    ("name", "token"), [(name, t) for name, ts in TOKENS.items() for t in ts]
)
def test_a_token_is_taken_out(name: str, token: str) -> None:
    for before, after in (
        ("", ""),
        ("x = '", "'"),
        ('{"k": "', '"}'),
        ("a\n: ", " b\n"),
    ):
        clean, found = redact(before + token + after)
        assert clean == f"{before}[redacted:{name}]{after}"
        assert [r.rule for r in found] == [name]
        assert found[0].line == before.count("\n") + 1
    for longer in ("x" + token, "_" + token):
        assert name not in [r.rule for r in redact(longer)[1]]


@pytest.mark.parametrize("name", sorted(IN_CONTEXT))
def test_a_secret_is_known_by_what_stands_before_it(name: str) -> None:
    before, secret, after = IN_CONTEXT[name]
    clean, found = redact(before + secret + after)
    assert clean.endswith(f"[redacted:{name}]{after}")
    assert secret not in clean and [r.rule for r in found] == [name]


VALUE = chance(20)
STRONG = "aB3$kL9!mQ2z"


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{VALUE}"',
        f"api_key: '{VALUE}'",
        f'"client_secret": "{VALUE}",',
        f"'access-token' => '{VALUE}',",
        f'<add key="x" password="{VALUE}" />',
        f'const string ApiKey = "{VALUE}";',
        f'private static String TOKEN = "{VALUE}";',
        f'token: str = "{VALUE}"',
        f'secret_key := "{chance(40, HEX)}"',
        f'os.environ["DB_PASSWORD"] = "{STRONG}"',
        f"export API_TOKEN={VALUE}",
    ],
)
def test_values_of_chance_assigned_to_a_telling_name(line: str) -> None:
    clean, found = redact(line)
    assert [r.rule for r in found] == ["assigned-secret"], clean
    assert VALUE not in clean and STRONG not in clean


@pytest.mark.parametrize(
    "line",
    [
        'password = "changeme"',
        'password = "correct horse battery staple"',
        'password = "my-example-password-123"',
        'password_file = "/etc/app/password_file1"',
        'secret_name = "projects/app/secrets/database"',
        'token = "{{ vault_token }}"',
        'token = "${GITHUB_TOKEN}"',
        'token = os.environ["API_TOKEN"]',
        'token: "application/vnd.api.v1+json"',
        'token_url = "https://example.org/oauth2/v1/token"',
        'api_key = "xxxxxxxxxxxxxxxxxxxxxxxx"',
        'api_key = "00000000000000000000"',
        'api_key = "<your-api-key-1>"',
        f'"integrity": "sha512-{chance(86)}=="',
        f'sha256 = "{hashlib.sha256(b"x").hexdigest()}"',
        f'commit = "{hashlib.sha1(b"x").hexdigest()}"',
        'id = "123e4567-e89b-12d3-a456-426614174000"',
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "https://user:password@example.org/",
        "https://user:${PASS}@example.org/",
        "https://{user}:{password}@example.org/",
        "http://localhost:8080/@scope/x",
        "git@github.com:org/repo.git",
        "GITHUB_TOKEN=${{ secrets.GITHUB_TOKEN }}",
        "PASSWORD_HASHERS=django.contrib.auth.hashers",
        "task-with-a-name-that-goes-on-and-on",
        "key-value-pairs",
        "-----BEGIN PRIVATE KEY-----",
        'begin = "-----BEGIN PRIVATE KEY-----"\nend = "-----END PRIVATE KEY-----"',
        "tokens = tokenize('abcdefghij0123456789')",
        "x[redacted:aws-key]y",
    ],
)
def test_what_is_no_secret(line: str) -> None:
    assert redact(line) == (line, ())


def key(lines: int = 5, kind: str = "RSA ") -> str:
    body = "\n".join(chance(64, seed=n) for n in range(lines))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


@pytest.mark.parametrize("kind", ["", "RSA ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys_lose_every_line(kind: str) -> None:
    text = f"a\n{key(3, kind)}\nb\n"
    clean, found = redact(text)
    marks = ["[redacted:private-key]"] * 3
    begin, end = (f"-----{w} {kind}PRIVATE KEY-----" for w in ("BEGIN", "END"))
    assert clean.split("\n") == ["a", begin, *marks, end, "b", ""]
    assert [r.line for r in found] == [3, 4, 5]


def test_private_keys_indented_and_in_one_line() -> None:
    indented = "k: |\n" + "\n".join("  " + line for line in key(2).split("\n"))
    clean, found = redact(indented)
    assert len(found) == 2 and clean.count("\n  [redacted:private-key]") == 2
    flat = '{"private_key": "' + key(3, "").replace("\n", "\\n") + '"}'
    clean, found = redact(flat)
    assert len(found) == 1 and chance(64, seed=1) not in clean
    two = key(2) + "\n" + key(3)
    assert len(redact(two)[1]) == 5


SECRETS = [t for ts in TOKENS.values() for t in ts] + [
    before + secret + after for before, secret, after in IN_CONTEXT.values()
]
PIECES = st.one_of(
    st.sampled_from([*SECRETS, key(2), key(1), "[redacted:aws-key]"]),
    st.sampled_from(
        ["\n", " ", "_", "-", ".", "'", '"', "=", ":", "@", "://", "a", "]"]
    ),
    st.sampled_from(["token = '", "password: ", "sk-", "eyJ", "AK" + "IA", "\r", "é"]),
    st.text(max_size=5),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_redaction_is_stable_and_keeps_the_lines(text: str) -> None:
    clean, found = redact(text)
    assert redact(text) == (clean, found)
    assert redact(clean) == (clean, ())
    assert clean.count("\n") == text.count("\n")
    lines = clean.split("\n")
    for one in found:
        assert "[redacted:" in lines[one.line - 1]
    if not found:
        assert clean == text


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 1_000_000,
        "://a:" * 500_000,
        "xox" * 1_000_000,
        "s" + "k-" * 1_000_000,
        ":'" * 1_000_000,
        "='" + "a1" * 1_000_000,
        "password" * 400_000,
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "AK" + "IA" * 1_000_000,
        "TOKEN=" * 500_000,
        chance(4_000_000),
    ],
    ids=range(11),
)
def test_hostile_texts_end(text: str) -> None:
    clean, _ = redact(text)
    assert redact(clean)[0] == clean
