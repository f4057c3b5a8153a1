"""The files of a build context that the builders see."""

from pathlib import Path

import pytest

from infra import dockerignore


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize(
    ("ignore", "left_out"),
    [
        (b"\xef\xbb\xbf*.txt\r\n", {"a.txt", "README.txt"}),  # a byte order mark, and Windows' ends of lines
        (b"/a.txt", {"a.txt"}),
        (b"  a.txt  \n", {"a.txt"}),
        (b"readme.txt\n", set()),  # not README.txt
        (b"#a.txt\n #a.txt\n", set()),
        (b"**/deep\n", {"sub/deep", "sub/deep/a.txt"}),
        (b"sub/**\n!sub/deep/a.txt\n", {"sub/deep"}),
        (b"sub\n!sub/deep/a.txt\n", {"sub", "sub/deep"}),
        (b"*\n!a.txt\n", {"README.txt", "sub", "sub/deep", "sub/deep/a.txt"}),
        (b"./sub/../a.txt/\n", {"a.txt"}),
        (b"[^R]*.txt\n", {"a.txt"}),
        (b"?.txt\n", {"a.txt"}),
        (b"./ a.txt\n", {"a.txt"}),
        (rb"\a.txt", {"a.txt"}),
    ],
)
def test_the_ignore_file_is_read_like_the_builders_read_it(tmp_path: Path, ignore: bytes, left_out: set[str]) -> None:
    """Right values from moby/patternmatcher 0.6.1 itself."""
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a.txt", "README.txt", "sub/deep/a.txt"):
        (tmp_path / name).write_text("")
    everything = {"a.txt", "README.txt", "sub", "sub/deep", "sub/deep/a.txt"}
    context = dockerignore.Context(tmp_path, dockerignore.read_patterns(ignore))
    assert [entry.name for entry in context.entries()] == sorted(everything - left_out)
