"""What the documents say of `kiket.toml`, and of settings, is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from kiket_console import config, project, settings
from kiket_console.config import Config

CODE = "from kiket_sdk import KiketSDK\n\nsdk = KiketSDK()\n"
ROOT = Path(__file__).parents[2]


def test_the_kiket_toml_of_the_reference_is_understood(tmp_path: Path) -> None:
    reference = (ROOT / "docs" / "extensions.md").read_text()
    [example] = re.findall(r"^```toml\n(.*?)^```$", reference, re.DOTALL | re.MULTILINE)
    folder = tmp_path / "shop"
    for place in ("services/billing/.venv/bin", "shared", "search", "crm"):
        (folder / place).mkdir(parents=True)
    (folder / "services/billing/.venv/bin/python").symlink_to(sys.executable)
    (folder / "services/billing/main.py").write_text(CODE)
    (folder / "main.py").write_text(CODE)
    (folder / "crm/main.py").write_text(CODE)
    (folder / "kiket.toml").write_text(example)

    found = {each.name: each for each in project.find(folder).extensions}

    assert list(found) == ["marketing", "billing", "search", "crm"]
    assert not [each.problem for each in found.values() if each.problem and not each.command]
    assert found["marketing"].entry == "main:sdk"
    assert folder / "shared" in found["billing"].watch
    assert found["billing"].folder == folder / "services/billing"
    assert found["billing"].interpreter == folder / "services/billing/.venv/bin/python"
    assert (found["search"].command, found["search"].dialects) == (("node", "server.js"), ("k1",))
    assert (found["crm"].era, found["crm"].is_unsigned) == ("newest", True)
    assert config.load(folder).retention_days == 30


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    table = (ROOT / "README.md").read_text().partition("| setting |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    named = {
        name: default.strip()
        for names, defaults in rows
        for name, default in zip(
            re.findall(r"`(\w+)`", names),
            defaults.split(", ") if "," in names else [defaults],
            strict=True,
        )
    }
    assert set(named) == set(settings.NAMES)
    plain = Config()
    for name in ("durability", "theme", "body_mib", "retention_days", "retention_mb"):
        assert named[name].strip("`") == str(getattr(plain, name))
    assert (named["held_s"], named["forward_timeout_s"]) == ("10", "30")
