"""CPU time of ``python -m firefly --help`` against a bare Hydra app with the same groups.

Both run the same number of times, in turns, in one go; the figure is the ratio of the medians.

    python benchmarks/start_up.py [RUNS]
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from firefly.app import config_folder

BARE = """
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def app(config):
    pass

app()
"""

HEAVY = ("dspy", "mcp", "litellm", "sklearn", "networkx", "pydantic")


def cpu(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(config_folder(), folder / "conf")
        config = folder / "conf" / "config.yaml"
        text = config.read_text(encoding="utf-8")
        start, end = text.index("  callbacks:"), text.index("  help:")
        config.write_text(text[:start] + text[end:], encoding="utf-8")  # the bare app has no class of ours
        (folder / "app.py").write_text(BARE, encoding="utf-8")
        commands = {
            "bare": [sys.executable, "app.py", "--help"],
            "firefly": [sys.executable, "-m", "firefly", "--help"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(runs + 1):
            for which, command in commands.items():
                used = cpu(command, folder)
                if number:  # the first round warms the file cache
                    seconds[which].append(used)
    bare, ours = (statistics.median(seconds[name]) for name in ("bare", "firefly"))
    probe = (
        "import sys; from firefly.__main__ import run\n"
        "try: run(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    code = f"import sys; sys.argv = ['firefly', '--help']\n{probe}"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr.strip()
    print(f"bare Hydra app --help   {bare * 1000:6.0f} ms CPU")
    print(f"firefly --help          {ours * 1000:6.0f} ms CPU")
    print(f"ratio                   {ours / bare:6.2f}   (goal: at most 1.3)")
    print(f"heavy modules loaded    {loaded}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
