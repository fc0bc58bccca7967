"""PURE: text from outside as commands show it (`wherry.printable`)."""

from wherry.printable import GO_ESCAPES as GO_ESCAPES
from wherry.printable import HARMLESS as HARMLESS
from wherry.printable import go_quoted as go_quoted
from wherry.printable import printable as printable
from wherry.printable import width as width
