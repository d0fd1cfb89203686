"""Tells the build backend where MicroTetherDB.py goes in a wheel: see pyproject.toml."""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Type checkers look for annotations only in packages that have a py.typed (PEP 561).
PACKAGE = {
    "MicroTetherDB.py": "MicroTetherDB/__init__.py",
    "tools/py.typed": "MicroTetherDB/py.typed",
}


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        if version != "editable":  # that one is to import the file itself
            build_data["force_include"].update(PACKAGE)
