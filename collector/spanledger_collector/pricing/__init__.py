"""Prices: a book of dated entries, strict names, and `price(call, book)`."""

from spanledger_collector.pricing.book import NameRow, PriceBook
from spanledger_collector.pricing.engine import price
from spanledger_collector.pricing.entries import PriceEntry, Row
from spanledger_collector.pricing.estimate import Estimate, TokenRange, estimate, tokens_of_messages, tokens_of_text
from spanledger_collector.pricing.shipped import shipped_book

__all__ = [
    "Estimate",
    "NameRow",
    "PriceBook",
    "PriceEntry",
    "Row",
    "TokenRange",
    "estimate",
    "price",
    "shipped_book",
    "tokens_of_messages",
    "tokens_of_text",
]
