//! The directory that the emulator offers out of the box. All people and companies are invented.

use url::Url;

use crate::credentials::FederatedCredential;
use crate::crowd::Crowd;
use crate::directory::{
    Application, ClientSecret, Directory, HomeAccount, Permission, Platform, Profile, RedirectUri, Tenant,
    User,
};
use crate::identifiers::{ClientId, ObjectId, TenantId};

/// The home tenant, "Lakeside", domain `lakeside.example`.
pub const TENANT_ID: &str = "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40";
/// A second tenant, "Harbour Partners", domain `harbour.example`.
pub const PARTNER_TENANT_ID: &str = "b2a94e57-3d18-4c6b-8f02-71c5e9d0a613";
/// The protected API; `api://<this>` is its App ID URI, scopes `Profile.Read` and `Profile.ReadWrite`.
pub const API_CLIENT_ID: &str = "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b";
/// The API's secret. It protects nothing: everything here is invented.
pub const API_CLIENT_SECRET: &str = "local-only-secret-of-the-sample-api";
/// The AWS role whose tokens prove the API too: that of the access key id `local`.
pub const API_ROLE_ARN: &str = "arn:aws:iam::000000000000:role/local";
/// The single-page application.
pub const SPA_CLIENT_ID: &str = "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53";
/// Another single-page application, which the API does not allow.
pub const OTHER_SPA_CLIENT_ID: &str = "9d7a6b5c-4e3f-4210-8fed-cba987654321";
/// Microsoft's own command-line tools for Graph, which are in every tenant: public client, device code flow.
pub const GRAPH_TOOLS_CLIENT_ID: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
/// A command-line program: public client, device code flow.
pub const CLI_CLIENT_ID: &str = "3b8e1d90-6a2c-4d7f-95b4-e8f07c1a2d36";

impl Directory {
    /// Two tenants, five applications, eight users of whom one is a guest in the home tenant and one an administrator
    /// (bruno), and a crowd (`user000001@lakeside.example` and so on).
    pub fn sample() -> Self {
        let home = tenant_id(TENANT_ID);
        let partner = tenant_id(PARTNER_TENANT_ID);
        Self {
            tenants: vec![
                Tenant { id: home, domain: "lakeside.example".into(), name: "Lakeside".into() },
                Tenant { id: partner, domain: "harbour.example".into(), name: "Harbour Partners".into() },
            ],
            applications: applications(home),
            users: users(home, partner),
            administrators: vec![object_id(LAKESIDE[1].2)],
            crowd: Crowd { users: 10_000_000, tenants: 100 },
        }
    }
}

fn applications(home: TenantId) -> Vec<Application> {
    let api = client_id(API_CLIENT_ID);
    let spa_redirects = || {
        vec![
            redirect(Platform::SinglePage, "http://localhost/"),
            redirect(Platform::SinglePage, "http://localhost/redirect.html"),
            redirect(Platform::SinglePage, "http://127.0.0.1/"),
            redirect(Platform::SinglePage, "http://127.0.0.1/redirect.html"),
        ]
    };
    let uses_api = || {
        vec![
            Permission {
                resource: Some(api),
                scopes: vec!["Profile.Read".into(), "Profile.ReadWrite".into()],
            },
            Permission { resource: None, scopes: vec!["User.Read".into()] },
        ]
    };
    let application = |id: &str, principal: &str, name: &str| Application {
        client_id: client_id(id),
        service_principal_id: Some(object_id(principal)),
        name: name.into(),
        home_tenant: home,
        multi_tenant: true,
        app_id_uri: None,
        exposed_scopes: Vec::new(),
        access_token_version: 2,
        access_token_claims: vec!["idtyp".into()],
        client_secrets: Vec::new(),
        federated_credentials: Vec::new(),
        confidential: false,
        public_client_flows: false,
        redirect_uris: Vec::new(),
        permissions: uses_api(),
    };
    vec![
        Application {
            app_id_uri: Some(format!("api://{API_CLIENT_ID}")),
            exposed_scopes: vec!["Profile.Read".into(), "Profile.ReadWrite".into()],
            client_secrets: vec![ClientSecret::new(API_CLIENT_SECRET)],
            federated_credentials: vec![FederatedCredential {
                issuer: None,
                subject: API_ROLE_ARN.into(),
                audience: "api://AzureADTokenExchange".into(),
            }],
            redirect_uris: vec![redirect(Platform::Web, "http://localhost/signin-oidc")],
            permissions: vec![Permission { resource: None, scopes: vec!["User.Read".into()] }],
            ..application(API_CLIENT_ID, "7c0d9e8f-1a2b-4c3d-8e4f-5a6b7c8d9e0f", "Profile API")
        },
        Application {
            redirect_uris: spa_redirects(),
            ..application(SPA_CLIENT_ID, "a8b7c6d5-e4f3-4a21-9b0c-8d7e6f5a4b3c", "Profile web app")
        },
        Application {
            redirect_uris: spa_redirects(),
            ..application(OTHER_SPA_CLIENT_ID, "5e4d3c2b-1a09-4f8e-8d7c-6b5a49382716", "Other web app")
        },
        Application {
            public_client_flows: true,
            redirect_uris: vec![redirect(Platform::Native, "http://localhost/")],
            ..application(CLI_CLIENT_ID, "2f3e4d5c-6b7a-4890-a1b2-c3d4e5f60718", "Profile command line")
        },
        Application {
            public_client_flows: true,
            redirect_uris: vec![redirect(Platform::Native, "http://localhost/")],
            permissions: Vec::new(),
            ..application(
                GRAPH_TOOLS_CLIENT_ID,
                "8b1f0c9d-7e6a-4d5c-b4a3-92817f6e5d4c",
                "Microsoft Graph Command Line Tools",
            )
        },
    ]
}

/// Name, surname, user id, then job title, department, office, city, country, usage location, language, employee id.
type Row = (&'static str, &'static str, &'static str, [Option<&'static str>; 8]);

const LAKESIDE: [Row; 6] = [
    (
        "Adele",
        "Vance",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c01",
        [
            Some("Retail Manager"),
            Some("Retail"),
            Some("18/2111"),
            Some("Zurich"),
            Some("Switzerland"),
            Some("CH"),
            Some("de-CH"),
            Some("10234"),
        ],
    ),
    (
        "Bruno",
        "Keller",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02",
        [
            Some("Site Reliability Engineer"),
            Some("Platform"),
            Some("04/1010"),
            Some("Bern"),
            Some("Switzerland"),
            Some("CH"),
            Some("fr-CH"),
            Some("10388"),
        ],
    ),
    (
        "Chidi",
        "Okafor",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c03",
        [
            Some("Financial Analyst"),
            Some("Finance"),
            None,
            Some("Lagos"),
            Some("Nigeria"),
            Some("NG"),
            Some("en-NG"),
            Some("11021"),
        ],
    ),
    (
        "Dana",
        "Ortiz",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c04",
        [
            Some("Head of Product"),
            Some("Product"),
            Some("21/3007"),
            Some("Valparaíso"),
            Some("Chile"),
            Some("CL"),
            Some("es-CL"),
            None,
        ],
    ),
    (
        "Elin",
        "Söderberg",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c05",
        [
            Some("Data Scientist"),
            None,
            Some("07/2040"),
            Some("Malmö"),
            Some("Sweden"),
            Some("SE"),
            Some("sv-SE"),
            Some("11502"),
        ],
    ),
    // New starters often have an almost empty profile: every field the page shows must cope with null.
    (
        "Farid",
        "Haddad",
        "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c06",
        [None, None, None, None, None, None, None, None],
    ),
];

fn users(home: TenantId, partner: TenantId) -> Vec<User> {
    let mut users: Vec<User> = LAKESIDE.iter().map(|row| member(home, "lakeside.example", row)).collect();
    let noor = member(
        partner,
        "harbour.example",
        &(
            "Noor",
            "Jansen",
            "e7c5a3b1-9f8d-4e6c-a4b2-0d1f3e5c7a90",
            [
                Some("External Auditor"),
                Some("Audit"),
                None,
                Some("Rotterdam"),
                Some("Netherlands"),
                Some("NL"),
                Some("nl-NL"),
                Some("H-77"),
            ],
        ),
    );
    users.push(User {
        tenant: home,
        object_id: object_id("1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c07"),
        home: noor.home,
        profile: Profile {
            user_principal_name: "noor_harbour.example#EXT#@lakeside.example".into(),
            employee_id: None,
            ..noor.profile.clone()
        },
    });
    users.push(noor);
    users
}

fn member(tenant: TenantId, domain: &str, (given_name, surname, id, fields): &Row) -> User {
    let object_id = object_id(id);
    let [job_title, department, office, city, country, usage_location, language, employee_id] =
        fields.map(|field| field.map(str::to_owned));
    let address = format!("{}@{domain}", given_name.to_lowercase());
    User {
        tenant,
        object_id,
        home: HomeAccount { tenant, object_id },
        profile: Profile {
            display_name: Some(format!("{given_name} {surname}")),
            given_name: Some((*given_name).into()),
            surname: Some((*surname).into()),
            user_principal_name: address.clone(),
            mail: Some(address),
            employee_type: job_title.as_ref().map(|_| "Employee".to_owned()),
            job_title,
            department,
            office_location: office,
            city,
            country,
            usage_location,
            preferred_language: language,
            employee_id,
            created_date_time: Some("2024-03-04T08:30:00Z".into()),
            ..Profile::default()
        },
    }
}

const VALID: &str = "the sample's identifiers and addresses are well formed";

fn tenant_id(text: &str) -> TenantId {
    text.parse().expect(VALID)
}

fn object_id(text: &str) -> ObjectId {
    text.parse().expect(VALID)
}

fn client_id(text: &str) -> ClientId {
    text.parse().expect(VALID)
}

fn redirect(platform: Platform, uri: &str) -> RedirectUri {
    RedirectUri { platform, uri: Url::parse(uri).expect(VALID) }
}
