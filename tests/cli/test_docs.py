"""docs/cli.md is what the program prints; docs/adding-a-subcommand.md works."""
import pathlib
import re
import shutil
import subprocess
import sys

from conftest import LINNET, ROOT
from test_library import BUILD, CC, command, sanitizers
from test_options import VERBS


def test_help_in_the_docs_is_the_program_s():
    subprocess.run([sys.executable, ROOT / "tools/cli_docs.py", LINNET, "--check"], check=True)
    page = (ROOT / "docs/cli.md").read_text()
    for verb in VERBS:
        assert "\n$ linnet %s --help\nusage: " % verb in page


def test_check_finds_a_difference(tmp_path):
    for part in ("tools", "docs"):
        (tmp_path / part).mkdir()
    tool = shutil.copy(ROOT / "tools/cli_docs.py", tmp_path / "tools")
    page = pathlib.Path(shutil.copy(ROOT / "docs/cli.md", tmp_path / "docs"))
    good = page.read_text()
    page.write_text(good.replace("the exit status is 1", "the exit status is 7"))
    assert page.read_text() != good
    run = [sys.executable, tool, LINNET]
    assert subprocess.run([*run, "--check"], stderr=subprocess.DEVNULL).returncode == 1
    subprocess.run(run, check=True)
    assert page.read_text() == good


def test_adding_a_subcommand(environment, tmp_path):
    """The page's verb, built the way the page says."""
    page = (ROOT / "docs/adding-a-subcommand.md").read_text()
    code = re.search(r"```c\n(.*?)```", page, re.S).group(1)
    tree = tmp_path / "cli"
    shutil.copytree(ROOT / "cli", tree)
    (tree / "classes.c").write_text(re.sub(r"^   ", "", code, flags=re.M))
    main = tree / "main.c"
    main.write_text(re.sub(r"X\(cache\)", r"X(cache)  \\\n    X(classes)", main.read_text()))
    cjson = command("pkg-config", "--cflags", "--libs", "libcjson").split()
    program = tmp_path / "linnet"
    command(*CC, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
            "-Wno-missing-field-initializers", "-I", tmp_path, "-I", ROOT, "-I", ROOT / "include",
            *sorted(tree.glob("*.c")), BUILD / "base" / "libln_base.a", "-o", program,
            "-L", BUILD / "api", "-llinnet", "-Wl,-rpath," + str(BUILD / "api"), "-lpthread", "-lm",
            *cjson, *sanitizers())

    def call(*args):
        return subprocess.run([program, *args], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)

    assert call("classes", "mobilenetv1_025").stdout == "classes\n   1000\n"
    assert call("classes", "mobilenetv1_025", "-o", "jsonl").stdout == '{"classes":1000}\n'
    assert call("classes", "nosuch").returncode == 3
    assert "classes MODEL" in call("--help").stdout
