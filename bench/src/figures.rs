//! Arithmetic on measurements.

/// The middle one; of an even number the mean of the two in the middle. `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[middle - 1], upper))
}

/// The value that so many percent of them do not exceed; of sorted values, 0 of none.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (percent / 100.0 * as_f64(sorted.len())).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// How many times `small` goes into `large`; `None` where that says nothing.
pub(crate) fn ratio(large: f64, small: f64) -> Option<f64> {
    (small > 0.0).then(|| large / small)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The nearest whole number, grouped; what is below 0 is 0.
pub(crate) fn grouped_f64(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number to be read")]
    let whole = number.round() as u64;
    grouped(whole)
}

/// The order in which to do things that are each done several times: spread so that a machine which becomes slower or faster
/// with time does so for all of them alike. `times` says how often each is done; the answer holds their places in it.
pub(crate) fn spread(times: &[usize]) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> = Vec::new();
    for (place, &count) in times.iter().enumerate() {
        for turn in 0..count {
            order.push(((as_f64(turn) + 0.5) / as_f64(count), place));
        }
    }
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    order.into_iter().map(|(_, place)| place).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn as_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let found = [0.0, 50.0, 51.0, 99.0].map(|percent| percentile(&values, percent).to_string());
        assert_eq!(found, ["1", "2", "3", "4"]);
        assert_eq!(percentile(&[], 50.0).to_string(), "0");
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
        assert_eq!(ratio(3.0, 0.0), None);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        let all = [0, 12, 999, 1_000, 100_000, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "12", "999", "1,000", "100,000", "1,234,567"]);
    }

    #[test]
    fn fractions_are_rounded_before_they_are_grouped() {
        assert_eq!([1_234.5, 0.4, -7.0].map(grouped_f64), ["1,235", "0", "0"]);
    }

    #[test]
    fn what_is_done_seldom_lies_in_the_middle() {
        assert_eq!(spread(&[5, 3, 1]), [0, 1, 0, 0, 1, 2, 0, 1, 0]);
        assert_eq!(spread(&[2, 2]), [0, 1, 0, 1]);
        assert!(spread(&[]).is_empty());
    }
}
