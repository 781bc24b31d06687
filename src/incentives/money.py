"""Integers that are money, shares and rates (docs/rules.md section 2).

Money is a count of the currency's minor unit; rates, shares and factors are millionths (ppm); exact totals
are counted at 10^-12 of a minor unit, which is what ppm x ppm makes. No floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

PPM = 1_000_000
EXACT = PPM * PPM
"""How many exact units make one minor unit."""

LIMIT_MINOR = 2**53
"""Amounts stay below this, so that every reader of our files can hold them."""

_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN
NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: dict[str, int] = dict.fromkeys(_TWO_DECIMALS.split(), 2) | {
    code: decimals for decimals, codes in _OTHER_DECIMALS.items() for code in codes.split()
}
"""ISO 4217: decimals of each currency in use."""


def rounded(numerator: int, denominator: int) -> int:
    """R(numerator / denominator): to the nearest integer, half away from zero; the denominator is positive.

    >>> rounded(5, 10), rounded(-5, 10), rounded(4, 10)
    (1, -1, 0)
    """
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))


def rounded_exact(exact: int) -> int:
    """An exact total (10^-12 minor) as minor units: the R of section 2.

    >>> rounded_exact(1_500_000_000_000), rounded_exact(-1_500_000_000_000)
    (2, -2)
    """
    if exact >= 0:
        return (exact + 500_000_000_000) // EXACT
    return -((500_000_000_000 - exact) // EXACT)


def convert(amount_minor: int, from_currency: str, to_currency: str, rate_ppm: int) -> int:
    """R(amount x rate) in minor units of the other currency (section 5).

    >>> convert(1000, "JPY", "EUR", 6_100)
    610
    """
    shift = EXPONENTS[to_currency] - EXPONENTS[from_currency]
    if shift >= 0:
        return rounded(amount_minor * rate_ppm * 10**shift, PPM)
    return rounded(amount_minor * rate_ppm, PPM * 10**-shift)


def held(positions_minor: Sequence[int], before_ppm: int, upto_ppm: int) -> list[int]:
    """What a credit holds of each position: R(P x S_k) - R(P x S_(k-1)), with the running shares S of its role
    before the credit and up to it (section 5).

    Shares that sum to 1 lose nothing:

    >>> held([100, 50], 0, 333_333), held([100, 50], 333_333, 666_666), held([100, 50], 666_666, 1_000_000)
    ([33, 17], [34, 16], [33, 17])
    """
    upto = positions_minor if upto_ppm == PPM else [rounded(each * upto_ppm, PPM) for each in positions_minor]
    if not before_ppm:
        return list(upto)
    return [
        upper - rounded(position_minor * before_ppm, PPM)
        for upper, position_minor in zip(upto, positions_minor, strict=True)
    ]


def largest_remainder(total: int, weights: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Split a total >= 0 by weights so that nothing is lost: floors first, what is left to the largest
    remainders, ties by name (section 9). At least one weight is positive, none is negative.

    >>> largest_remainder(100, [("b", 1), ("a", 1), ("c", 1)])
    {'a': 34, 'b': 33, 'c': 33}
    """
    by_name = sorted(weights)
    whole = sum(weight for _, weight in by_name)
    assert total >= 0 and whole > 0 and all(weight >= 0 for _, weight in by_name)
    shares = {name: total * weight // whole for name, weight in by_name}
    left = total - sum(shares.values())
    largest_first = sorted(by_name, key=lambda pair: (-(total * pair[1] % whole), pair[0]))
    for name, _ in largest_first[:left]:
        shares[name] += 1
    return shares


def major(amount_minor: int, currency: str) -> str:
    """An amount as a plain decimal with all the currency's decimals.

    >>> major(-123450, "EUR"), major(5, "KWD"), major(7, "JPY")
    ('-1234.50', '0.005', '7')
    """
    decimals = EXPONENTS[currency]
    if not decimals:
        return str(amount_minor)
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
