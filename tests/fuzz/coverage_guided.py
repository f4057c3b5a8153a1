"""Fuzzes both ends' DSN parsers by coverage, by hand: `pip install atheris`, then

    PYTHONPATH=.:app python -m tests.fuzz.coverage_guided -max_total_time=600

Atheris has packages for Linux alone, so it is not among the locked dependencies. It ends with the text that broke a
parser, or with nothing. Arguments are libFuzzer's.
"""

import sys

import atheris

with atheris.instrument_imports():
    from django_stack import storage_dsn

    from infra import dsn, redaction


def one(data: bytes) -> None:
    """Hands one text to every parser; their own errors are as good as a result."""
    text = atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data))
    for parse in (dsn.DatabaseURL.parse, dsn.S3DSN.parse, dsn.check_storage_dsn):
        try:
            parse(text)
        except dsn.DSNError:
            continue
    assert len(text.strip()) < 4 or text.strip() not in redaction.Redactor([text]).text(text)
    try:
        location = storage_dsn.parse(text)
    except storage_dsn.MalformedError:
        return
    assert storage_dsn.parse(storage_dsn.build(location)) == location


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
