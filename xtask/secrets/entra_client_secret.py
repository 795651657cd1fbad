"""Client secrets of Entra ID: 40 characters with a generation mark in the middle (`…8Q~…`)."""

import re

from detect_secrets.plugins.base import RegexBasedDetector


class EntraClientSecretDetector(RegexBasedDetector):
    """The format of secrets since 2021, as secret scanners of Microsoft know it."""

    secret_type = "Entra client secret"

    denylist = [re.compile(r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w.~-])")]
