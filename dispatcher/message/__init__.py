"""What is sent: one text, or several of which each member gets one; checked first of all."""

from dispatcher.message.reading import LARGEST
from dispatcher.message.variants import Message, Variant, check, parse

__all__ = ["LARGEST", "Message", "Variant", "check", "parse"]
