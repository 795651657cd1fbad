//! `OData` query options, as far as they are offered: `$filter`, `$select`, `$top` and `$skiptoken`.
//! <https://learn.microsoft.com/graph/query-parameters>

use axum::http::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use crate::graph::error::GraphError;

/// Objects of a page when `$top` says nothing, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// The options of one request.
#[derive(Default)]
pub(super) struct Query {
    filters: Vec<Filter>,
    select: Option<Vec<String>>,
    top: Option<usize>,
    skip: usize,
    /// As they were sent, without `$skiptoken`.
    sent: Vec<(String, String)>,
}

/// One condition; several are joined by `and`.
struct Filter {
    property: String,
    /// `tags/any(t:t eq 'x')`: one member of a list is meant.
    any: bool,
    value: String,
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, GraphError> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
            // Graph v1.0 takes the system query options with and without `$`.
            match name.trim_start_matches('$') {
                "filter" => {
                    for condition in value.split(" and ") {
                        let filter = Filter::parse(condition.trim());
                        query.filters.push(filter.ok_or_else(|| invalid("Invalid filter clause."))?);
                    }
                }
                "select" => query.select = Some(value.split(',').map(|one| one.trim().to_owned()).collect()),
                "top" => {
                    let top = value.parse().ok().filter(|top| (1..=LARGEST_PAGE).contains(top));
                    query.top = Some(top.ok_or_else(|| invalid("Invalid page size specified."))?);
                }
                "skiptoken" => {
                    query.skip =
                        value.parse().map_err(|_| invalid("The specified page token is not valid."))?;
                    continue;
                }
                other => return Err(invalid(&format!("The query option '{other}' is not supported here."))),
            }
            query.sent.push((name, value));
        }
        Ok(query)
    }

    /// Keeps the properties that were asked for, and `id`.
    pub(super) fn select(&self, entity: &mut Value) -> Result<(), GraphError> {
        let (Some(names), Value::Object(properties)) = (&self.select, entity) else { return Ok(()) };
        if let Some(name) = names.iter().find(|name| !properties.contains_key(*name)) {
            return Err(invalid(&format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}'."
            )));
        }
        properties.retain(|name, _| names.contains(name) || name == "id");
        Ok(())
    }

    /// Whether a property that comes only when it is named was named.
    pub(super) fn names(&self, property: &str) -> bool {
        self.select.as_ref().is_some_and(|names| names.iter().any(|name| name == property))
    }

    /// The page that was asked for, and the query of the next one.
    pub(super) fn page(&self, all: Vec<Value>) -> Result<(Vec<Value>, Option<String>), GraphError> {
        let matching = all.into_iter().filter(|one| self.filters.iter().all(|filter| filter.keeps(one)));
        let mut rest: Vec<Value> = matching.skip(self.skip).collect();
        let size = self.top.unwrap_or(PAGE);
        let more = rest.len() > size;
        rest.truncate(size);
        for entity in &mut rest {
            self.select(entity)?;
        }
        let next = more.then(|| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.sent).append_pair("$skiptoken", &(self.skip + size).to_string());
            query.finish()
        });
        Ok((rest, next))
    }
}

impl Filter {
    fn parse(text: &str) -> Option<Self> {
        let (left, right) = text.split_once(" eq ")?;
        if let Some((property, variable)) = left.split_once("/any(") {
            let (declared, used) = variable.split_once(':')?;
            let value = literal(right.strip_suffix(')')?)?;
            return (declared.trim() == used.trim()).then(|| Self {
                property: property.into(),
                any: true,
                value,
            });
        }
        let plain = left.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain && !left.is_empty()).then_some(())?;
        Some(Self { property: left.into(), any: false, value: literal(right)? })
    }

    fn keeps(&self, entity: &Value) -> bool {
        match (&entity[&self.property], self.any) {
            (Value::Array(members), true) => members.iter().any(|member| *member == *self.value),
            (Value::String(text), false) => text.eq_ignore_ascii_case(&self.value),
            _ => false,
        }
    }
}

/// `'text'`, in which `''` is one quote.
fn literal(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let unpaired = inner.replace("''", "").contains('\'');
    (!unpaired).then(|| inner.replace("''", "'"))
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_keep_what_is_equal_and_pages_follow_one_another() {
        let all: Vec<Value> = (0..5)
            .map(|n| json!({ "id": n.to_string(), "tags": [if n == 2 { "o'clock" } else { "x" }], "appId": "a" }))
            .collect();
        let ids = |query: &str| {
            let (page, next) = Query::parse(query).unwrap().page(all.clone()).unwrap();
            (page.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<String>(), next)
        };
        assert_eq!(ids("$filter=tags/any(t:t eq 'o''clock')").0, "2");
        assert_eq!(ids("$filter=appId eq 'A' and tags/any(t:t eq 'x')").0, "0134");
        let (first, next) = ids("$filter=appId eq 'a'&$top=2&$select=id");
        assert_eq!(first, "01");
        let (second, next) = ids(&next.unwrap());
        assert_eq!(second, "23");
        assert_eq!(ids(&next.unwrap()), ("4".to_owned(), None));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in ["$filter=tags eq", "$filter=a/b eq 'x'", "$filter=a eq 'it's'", "$top=0", "$orderby=id"]
        {
            assert!(Query::parse(query).is_err(), "{query}");
        }
        assert!(Query::parse("$select=nonsense").unwrap().page(vec![json!({ "id": "1" })]).is_err());
    }
}
