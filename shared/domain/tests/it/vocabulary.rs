//! Identifiers, scopes and secrets.

use domain::identity::{HomeAccountId, ObjectId, Pseudonyms, TenantId, UserPrincipalName};
use domain::scope::ScopeSet;
use domain::token::{AccessToken, UserAssertion};
use test_support::sample;

#[test]
fn the_assertion_hash_is_the_one_that_msal_computes() {
    // Observed of MSAL.NET for the assertion `aa.bb.cc`.
    assert_eq!(
        UserAssertion::new("aa.bb.cc".to_owned()).hash(),
        "l68RJBhL34-zYJ41gCvilESp2FYrBSkwQ-Skhu5zO3o"
    );
}

#[test]
fn identifiers_have_one_spelling_only() {
    let tenant: TenantId = "AAAABBBB-0000-4000-8000-000000000001".parse().unwrap();
    assert_eq!(tenant.to_string(), "aaaabbbb-0000-4000-8000-000000000001");
    for text in ["", "aaaabbbb000040008000000000000001", "{aaaabbbb-0000-4000-8000-000000000001}", "x"] {
        assert!(text.parse::<ObjectId>().is_err(), "{text}");
    }
    let account = sample::account(1);
    assert_eq!(account.to_string().parse::<HomeAccountId>().unwrap(), account);
    for text in ["", ".", "a.b", "aaaabbbb-0000-4000-8000-000000000001"] {
        assert!(text.parse::<HomeAccountId>().is_err(), "{text}");
    }
}

#[test]
fn names_compare_without_regard_to_case_and_do_not_print() {
    let name = UserPrincipalName::new(" Ana@Lakeside.Example ");
    assert_eq!(name, UserPrincipalName::new("ana@lakeside.example"));
    assert!(!format!("{name:?}").contains("ana"));
}

#[test]
fn tokens_do_not_print() {
    let shown = format!(
        "{:?} {:?}",
        AccessToken::new("secret-1".to_owned()),
        UserAssertion::new("secret-2".to_owned())
    );
    assert!(!shown.contains("secret-1") && !shown.contains("secret-2"), "{shown}");
    let record = format!("{:?} {:?}", sample::issued_tokens(1, sample::NOW), sample::profile(1));
    assert!(
        !record.contains("access-1") && !record.contains("refresh-1") && !record.contains("Lakeside"),
        "{record}"
    );
}

#[test]
fn pseudonyms_are_stable_and_depend_on_the_salt() {
    let account = sample::account(1);
    let one = Pseudonyms::new("one");
    assert_eq!(one.of(&account), one.of(&account));
    assert_ne!(one.of(&account), one.of(&sample::account(2)));
    assert_ne!(one.of(&account), Pseudonyms::new("two").of(&account));
    assert_eq!(one.of(&account).len(), 16);
}

#[test]
fn scopes_are_a_set_without_regard_to_case() {
    let scopes = ScopeSet::parse("  User.Read openid user.read offline_access ");
    assert_eq!(scopes.to_string(), "User.Read openid offline_access");
    assert!(scopes.contains("USER.READ"));
    assert_eq!(scopes.without_reserved().to_string(), "User.Read");
    for one in ["User.Read\tFiles.Read", "User.Read\u{a0}Files.Read", "User.Read\nFiles.Read"] {
        assert_eq!(ScopeSet::parse(one).as_slice(), [one], "only blanks separate");
    }
}
