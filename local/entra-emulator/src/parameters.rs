//! Parameters of a query string or a form (`application/x-www-form-urlencoded`).

use url::form_urlencoded;

/// Name and value pairs in the order sent.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first non-empty value.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A parameter sent twice; OAuth 2.0 allows none (RFC 6749 §3.2).
    pub(crate) fn repeated(&self) -> Option<&str> {
        self.0
            .iter()
            .enumerate()
            .find(|(position, (name, _))| self.0[..*position].iter().any(|(earlier, _)| earlier == name))
            .map(|(_, (name, _))| name.as_str())
    }
}

/// `url` with `pairs` added to its query.
pub(crate) fn with_query(url: &url::Url, pairs: &[(String, String)]) -> String {
    let mut url = url.clone();
    url.query_pairs_mut().extend_pairs(pairs);
    url.into()
}

/// `url` with `pairs` as its fragment.
pub(crate) fn with_fragment(url: &url::Url, pairs: &[(String, String)]) -> String {
    let mut url = url.clone();
    let fragment: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    url.set_fragment(Some(&fragment));
    url.into()
}
