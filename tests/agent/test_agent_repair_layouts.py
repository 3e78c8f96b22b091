"""Repairs in repositories of the usual layouts: packages, fixtures, classes, parametrized tests, unittest."""

from pathlib import Path

from test_agent_repair_strategy import PYTEST, candidates, changed, scripted_requests, working

from journeyman.agent.repair import repair
from journeyman.core.evidence import Check
from tests.conftest import PLAIN_PYTEST

SHOP = {
    "pytest.ini": PLAIN_PYTEST["pytest.ini"] + "pythonpath = src\ntestpaths = tests\n",
    "src/shop/__init__.py": "from .cart import Cart\n\n__all__ = ['Cart']\n",
    "src/shop/prices.py": (
        '"""Prices in cents."""\n\nRATES = {"book": 7, "pen": 19}\n\n\n'
        "def with_tax(cents, kind):\n    rate = RATES.get(kind, 19)\n    return cents + cents * rate // 100\n\n\n"
        "def discounted(cents, percent):\n    if not 0 <= percent < 100:\n        raise ValueError(percent)\n"
        "    return cents - cents * percent // 100\n"
    ),
    "src/shop/cart.py": (
        "from dataclasses import dataclass, field\n\n"
        "from .prices import discounted, with_tax\n\n\n@dataclass\nclass Cart:\n"
        "    percent: int = 0\n    lines: list = field(default_factory=list)\n\n"
        "    def add(self, kind, cents, count=1):\n"
        "        self.lines.append((kind, cents, count))\n        return self\n\n"
        "    def total(self):\n"
        "        gross = sum(with_tax(cents * count, kind) for kind, cents, count in self.lines)\n"
        "        return discounted(gross, self.percent)\n"
    ),
    "tests/conftest.py": (
        "import pytest\n\nfrom shop import Cart\n\n\n@pytest.fixture\ndef cart():\n"
        "    return Cart().add('book', 1000, 2)\n"
    ),
    "tests/test_cart.py": (
        "import pytest\n\nfrom shop import Cart\n\n\nclass TestTotal:\n"
        "    def test_nothing(self):\n        assert Cart().total() == 0\n\n"
        "    def test_tax(self, cart):\n        assert cart.total() == 2140\n\n"
        "    @pytest.mark.parametrize('percent, total', [(0, 2140), (50, 1070), (100, 0)])\n"
        "    def test_discount(self, cart, percent, total):\n"
        "        cart.percent = percent\n        assert cart.total() == total\n\n"
        "    def test_wrong(self, cart):\n        cart.percent = 101\n        with pytest.raises(ValueError):\n"
        "            cart.total()\n"
    ),
    "tests/test_prices.py": (
        "from shop.prices import with_tax\n\n\ndef test_book():\n    assert with_tax(100, 'book') == 107\n\n\n"
        "def test_other():\n    assert with_tax(100, 'cup') == 119\n"
    ),
}

LEDGER = {
    "ledger/__init__.py": "",
    "ledger/account.py": (
        "from ledger.errors import Overdrawn\n\n\nclass Account:\n    def __init__(self, limit=0):\n"
        "        self.balance = 0\n        self.limit = limit\n\n"
        "    def pay_in(self, amount):\n        self.balance += amount\n\n"
        "    def pay_out(self, amount):\n        if self.balance - amount <= -self.limit:\n"
        "            raise Overdrawn(amount)\n        self.balance -= amount\n"
    ),
    "ledger/errors.py": "class Overdrawn(Exception):\n    pass\n",
    "tests/__init__.py": "",
    "tests/test_account.py": (
        "import unittest\n\nfrom ledger.account import Account\nfrom ledger.errors import Overdrawn\n\n\n"
        "class PayOutTest(unittest.TestCase):\n    def setUp(self):\n        self.account = Account(limit=50)\n"
        "        self.account.pay_in(100)\n\n"
        "    def test_some(self):\n        self.account.pay_out(30)\n"
        "        self.assertEqual(self.account.balance, 70)\n\n"
        "    def test_up_to_the_limit(self):\n        self.account.pay_out(150)\n"
        "        self.assertEqual(self.account.balance, -50)\n\n"
        "    def test_more_than_that(self):\n        with self.assertRaises(Overdrawn):\n"
        "            self.account.pay_out(151)\n"
    ),
}


async def test_a_package_with_fixtures_and_parametrized_tests(tmp_path: Path) -> None:
    async with working(tmp_path, SHOP, [], prompt="Carts with a discount are wrong.", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert stop.message.startswith("Repaired src/shop/prices.py")
        right = SHOP["src/shop/prices.py"].replace("percent < 100", "percent <= 100")
        assert await changed(work) == {"src/shop/prices.py": right}
        assert scripted_requests(work) == 0


async def test_tests_of_unittest_in_a_package(tmp_path: Path) -> None:
    check = Check(command="python -m unittest", source="detected", runner="unittest", timeout=60.0)
    async with working(tmp_path, LEDGER, [], prompt="The account's limit is off.", checks=(check,)) as work:
        stop = await repair(work)
        assert stop.message.startswith("Repaired ledger/account.py")
        right = LEDGER["ledger/account.py"].replace("<= -self", "< -self")
        assert await changed(work) == {"ledger/account.py": right}
        assert len(candidates(work)) > 0
