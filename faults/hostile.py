"""Values that somebody may send, as JSON or nearly so, and bodies made of them."""

import json
from base64 import b64encode
from collections.abc import Iterable
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

TEXTS = [
    *("", " ", "\0", "\ud800", "\udfff\ud800", "x", "xxxx", "x" * 256, "x" * 70_000),
    *(
        "é",
        "e\u0301",
        "\u202e",
        "\n",
        " a",
        "a ",
        "😀😀😀😀",
        "'; DROP TABLE specimens",
    ),
    *("null", "true", "on", "1", "1.5", "NaN", "Infinity", "-0", "1e5", "0x10"),
    *("1_000", "\u0661\u0662", "1,5", "1e400", "0." + "1" * 40, "9" * 40),
    *("2026-01-31", "2026-02-30", "0000-01-01", "0001-01-01", "9999-12-31"),
    *("10000-01-01", "20260131", "2026-W05-6", "2026-01-31T00:00:00", "1767225600"),
    *("2026-01-31T00:00:00Z", "2026-01-31 12:00Z", "2026-01-31T12:00:00.123456Z"),
    *("2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:60Z", "2026-01-31T24:00:00Z"),
    *("2026-01-31T12:00:00+23:59", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59.999999-14:00", "2026-01-31T12:00:00-00:00"),
    *("14:00", "14:00:00.000001", "14:00:00.0000001", "24:00", "14:00Z", "14", "25:00"),
    *("PT1S", "P1D", "-P1DT1S", "P1W", "P1M", "P1Y", "PT0.000001S", "PT0.0000001S"),
    *("P999999999D", "P99999999999D", "1 day, 00:00:01", "00:90", "P1DT-1S", "PT1.5H"),
    *("00000000-0000-0000-0000-000000000001", "{0000000000000000000000000000000A}"),
    *("urn:uuid:00000000-0000-0000-0000-00000000000b", "0" * 31, "0" * 32, "G" * 32),
    *("QQ==", "QQ", "QR==", "_-8=", "/+8=", "Q", "!!!!", "QQ==\n", "\\x00ff"),
    *("user@example.com", "USER@Example.COM", "user@exämple.com", "a@b", "a@b@c.org"),
    *("https://example.com", "HTTPS://EXAMPLE.com/%7e", "https://example.com:443/"),
    *("javascript:alert(1)", "http://exa mple", "open", "OPEN", "open "),
]
NUMBERS = """
    0 -0 -0.0 1 1.0 1.5 1e2 2147483647 2147483648 -2147483649 9007199254740992
    9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808
    1000000000000000000000000000000 1e22 1e308 1e309 -1e400 1e-400 5e-324 0.1
    0.10000000000000000555 1.005 9999999999.99 10000000000.00 123456789.123456789
    1e999999999 1e-999999999 1767225600 NaN Infinity -Infinity 007 +1 .5 1. 0x10
""".split()
OTHERS = [
    *("true", "false", "null", "[]", "{}", "[[]]", "[null]", '[1, "a"]', "[1.5]"),
    *('["a"]', "[true]", "[9007199254740993]", '["2026-01-31T12:00:00.1234567Z"]'),
    *('["QR=="]', "[0.005]", '{"a": 1}', '{"a": {"b": [1, 2.50, null]}}', '{"": 0}'),
    *('{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', '{"a": 1e400}', '{"a": NaN}'),
    *('{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": "\\ud800"}', '{"a": -0.0}'),
    *('{"a": 9007199254740993}', '{"a": 0.10000000000000000555}', "nonsense", ""),
    *("[" * 999 + "]" * 999, '{"a":' * 999 + "1" + "}" * 999, "[1]" * 2, '"\\x"'),
]
HOSTILE = [*map(json.dumps, TEXTS), *NUMBERS, *OTHERS]


def bodies(fields: Iterable[str], needed: str, count: int, chance: Random) -> list[str]:
    """Make so many bodies with some of these fields, and with what is needed."""
    made: list[str] = []

    @seed(chance.getrandbits(32))
    @settings(
        database=None,
        deadline=None,
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.dictionaries(st.sampled_from(sorted(fields)), literals(), max_size=5))
    def collect(values: dict[str, str]) -> None:
        made.append(body(values, needed))

    while len(made) < count:
        collect()
    return made[:count]


def body(values: dict[str, str], needed: str = "") -> str:
    """Write an object of these names and values."""
    parts = [f'"{name}": {value}' for name, value in values.items()]
    return f"{{{', '.join([needed] * bool(needed) + parts)}}}"


def literals() -> st.SearchStrategy[str]:
    """Make values of every type, at its limits and beyond."""
    scalars = st.one_of(
        st.integers(-(2**70), 2**70),
        st.integers(-10, 100),
        st.floats(allow_nan=False),
        st.booleans(),
        st.text(max_size=20),
        st.binary(max_size=20).map(_in_base64),
        st.uuids().map(str),
        st.decimals(allow_nan=False, places=2).map(str),
        st.dates().map(str),
        st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
        st.times().map(str),
        st.integers(-(10**15), 10**15).map(lambda it: f"PT{it / 10**6:.6f}S"),
        st.emails(),
    )
    values = st.recursive(
        scalars,
        lambda part: (
            st.lists(part, max_size=4)
            | st.dictionaries(st.text(max_size=3), part, max_size=3)
        ),
        max_leaves=6,
    )
    written = values.map(json.dumps)
    digits = st.decimals(allow_nan=False, allow_infinity=False).map(str)
    return st.one_of(written, written, digits, st.sampled_from(HOSTILE))


def _in_base64(value: bytes) -> str:
    return b64encode(value).decode()
