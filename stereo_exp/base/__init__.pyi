from .constants import MAX_SCALE, USUAL_SIZE, VERSION
from .documents import parse_json, parse_yaml
from .errors import (
    EXIT_CHECK_FAILED,
    EXIT_USER_ERROR,
    RESTORE_OR_SKIP,
    ArgumentError,
    CheckpointError,
    DataError,
    UserError,
    exit_on_user_error,
    tell_missing_extras,
)
from .files import copy_file, previous_generation, replacing, write_bytes, write_generation, write_text
from .masking import MASK, MaskingFormatter, mask, mask_all, mask_file
from .process import Terminated, die_with_parent, find_stopped, follow_parent, hear_signals, hold_signals
from .progress import Meter
from .registry import GROUPS, NOT_BUILT_FROM, PLUGINS, Group, Option, arguments, build, declare, group, option, outside

__all__ = [
    "EXIT_CHECK_FAILED",
    "EXIT_USER_ERROR",
    "GROUPS",
    "MASK",
    "MAX_SCALE",
    "NOT_BUILT_FROM",
    "PLUGINS",
    "RESTORE_OR_SKIP",
    "USUAL_SIZE",
    "VERSION",
    "ArgumentError",
    "CheckpointError",
    "DataError",
    "Group",
    "MaskingFormatter",
    "Meter",
    "Option",
    "Terminated",
    "UserError",
    "arguments",
    "build",
    "copy_file",
    "declare",
    "die_with_parent",
    "exit_on_user_error",
    "find_stopped",
    "follow_parent",
    "group",
    "hear_signals",
    "hold_signals",
    "mask",
    "mask_all",
    "mask_file",
    "option",
    "outside",
    "parse_json",
    "parse_yaml",
    "previous_generation",
    "replacing",
    "tell_missing_extras",
    "write_bytes",
    "write_generation",
    "write_text",
]
