"""The kinds of settings: each reads and checks the value of a key, and says for the docs what is allowed.

`setting(kind, default, description)` declares one, as a field of a dataclass; `declared` lists those of a class.
"""

from infra.setting_kinds.base import Kind, Setting, declared, setting
from infra.setting_kinds.commands import Command, Commands
from infra.setting_kinds.entries import Entries
from infra.setting_kinds.env_file import EnvFile, EnvFilePath
from infra.setting_kinds.image import BuildArgs, DockerfilePath, Folders
from infra.setting_kinds.project import AppPath, StorageDSN, Version
from infra.setting_kinds.reasons import Reasons
from infra.setting_kinds.times import Cron, TimeZone
from infra.setting_kinds.variables import Env
from infra.setting_kinds.words import (
    AddressBlock,
    Boolean,
    Choice,
    Host,
    Hosts,
    Image,
    Integer,
    Moment,
    NumberOf,
    Port,
    Text,
    Words,
)

__all__ = [
    "AddressBlock",
    "AppPath",
    "Boolean",
    "BuildArgs",
    "Choice",
    "Command",
    "Commands",
    "Cron",
    "DockerfilePath",
    "Entries",
    "Env",
    "EnvFile",
    "EnvFilePath",
    "Folders",
    "Host",
    "Hosts",
    "Image",
    "Integer",
    "Kind",
    "Moment",
    "NumberOf",
    "Port",
    "Reasons",
    "Setting",
    "StorageDSN",
    "Text",
    "TimeZone",
    "Version",
    "Words",
    "declared",
    "setting",
]
