"""Prices: a book of dated entries, strict names, and `price(call, book)`."""

from spanledger_collector.pricing.book import NameRow, PriceBook
from spanledger_collector.pricing.engine import price
from spanledger_collector.pricing.entries import PriceEntry, Row
from spanledger_collector.pricing.shipped import shipped_book

__all__ = ["NameRow", "PriceBook", "PriceEntry", "Row", "price", "shipped_book"]
