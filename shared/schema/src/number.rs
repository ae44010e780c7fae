//! Numbers as JSON Schema sees them: by their value, so that `1.0` is an integer and the same as `1`.

use serde_json::Number;
use std::cmp::Ordering;

/// Up to here a fraction is cut off without a loss.
const EXACT: f64 = 1e37;

/// The integer that it is, written as one or not; `None` for fractions, and for what is too large to say.
#[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and is in range")]
pub(crate) fn integer(number: &Number) -> Option<i128> {
    number.as_i128().or_else(|| number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < EXACT).map(|it| it as i128))
}

/// Whether it has no fraction.
pub(crate) fn is_integer(number: &Number) -> bool {
    number.as_i128().is_some() || number.as_f64().is_some_and(|it| it.fract() == 0.0)
}

/// By value. Integers are compared as such: as floats, large neighbours would be the same.
pub(crate) fn compare(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return one.cmp(&other);
    }
    // One of them is a fraction or beyond every integer: rounding the other cannot bring it to the wrong side.
    one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal)
}

/// A number as it is written: `digits` times ten to the `exponent`. In binary, 0.3 would be no multiple of 0.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// Without its sign, which says nothing about multiples. Never fails for what serde wrote.
    pub(crate) fn of(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let text = text.trim_start_matches('-');
        let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
        Some(Self { digits, exponent })
    }

    pub(crate) const fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(crate) fn is_multiple_of(self, other: Self) -> bool {
        if self.digits == 0 {
            return true;
        }
        let (digits, modulus) = (u128::from(self.digits), u128::from(other.digits));
        let places = self.exponent.abs_diff(other.exponent);
        if self.exponent >= other.exponent {
            return (digits % modulus * power_of_ten(places, modulus)).is_multiple_of(modulus);
        }
        // What is smaller than the other, and not zero, is no multiple of it.
        let step = 10_u128.checked_pow(places).and_then(|shift| modulus.checked_mul(shift));
        step.is_some_and(|step| digits.is_multiple_of(step))
    }
}

/// Ten to the `exponent`, modulo `modulus`, which has at most 64 bits.
fn power_of_ten(mut exponent: u32, modulus: u128) -> u128 {
    let (mut power, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent % 2 == 1 {
            power = power * base % modulus;
        }
        base = base * base % modulus;
        exponent /= 2;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn multiples_are_exact() {
        for (one, other, is) in [
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("0.3", "0.1", true),
            ("-4.5", "1.5", true),
            ("1e308", "0.123456789", false),
            ("1e308", "0.5", true),
            ("0", "7", true),
            ("0.0", "7", true),
            ("7", "1e300", false),
            ("18446744073709551615", "5", true),
            ("18446744073709551615", "18446744073709551614", false),
            ("1e300", "18446744073709551615", false),
            ("10", "20", false),
            ("1", "1e-8", true),
        ] {
            let [one_, other_] = [one, other].map(|text| Decimal::of(&number(text)).unwrap());
            assert_eq!(one_.is_multiple_of(other_), is, "{one} of {other}");
        }
    }

    #[test]
    fn large_neighbours_differ() {
        for (one, other, order) in [
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("1", "1.0", Ordering::Equal),
            ("0", "-0.0", Ordering::Equal),
            ("1.5", "1", Ordering::Greater),
            ("1e300", "18446744073709551615", Ordering::Greater),
            ("-1e300", "-9223372036854775808", Ordering::Less),
            ("18446744073709551615", "0.5", Ordering::Greater),
        ] {
            assert_eq!(compare(&number(one), &number(other)), order, "{one}, {other}");
            assert_eq!(compare(&number(other), &number(one)), order.reverse(), "{other}, {one}");
        }
    }
}
