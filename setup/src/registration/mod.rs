//! The app registrations in the tenant: `register`, `show`, `clean-up`.
//!
//! Each reads what is there (`state`), compares it with what should be (`plan`, `clean_up`) and makes the changes one by
//! one (`apply`). A run that was cut off at any request is completed by the next one.

mod apply;
mod arguments;
mod clean_up;
mod cloud;
mod consent;
mod credential;
mod device_code;
mod files;
mod graph;
mod output;
mod plan;
mod resources;
mod show;
mod state;
mod waiting;
mod wanted;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::Clock;
use secrecy::SecretString;
use time::Duration as Days;
use uuid::Uuid;

use crate::causes::with_causes;
use crate::question::ask_on_terminal;
use apply::{ApplyError, Applying};
pub use arguments::Command;
use arguments::{CleanUpArguments, FileArguments, RegisterArguments, ShowArguments, TenantArguments};
use clean_up::Removal;
use cloud::{Hosts, InvalidHost};
use credential::{CertificateError, Kind, Wish};
use device_code::{SignIn, SignInError};
use files::{FileError, Targets};
use graph::{Ask, Doing, Graph, GraphError, Needs};
pub use output::Output;
use output::Sign;
use plan::Request;
use resources::Application;
use state::{Name, Role, State};
pub use waiting::{RealTime, Waits};
use wanted::Wanted;

/// For a connection, and for a whole answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// What the commands need of the world.
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub waits: Arc<dyn Waits>,
    pub output: Arc<Output>,
    /// Asks a question that is answered with yes or no; `None` when there is nobody to ask.
    pub confirm: fn(&str) -> Option<bool>,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error(transparent)]
    Host(#[from] InvalidHost),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    #[error("cannot read the access token in {}", path.display())]
    AccessToken {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "applications of the other clouds are not known in this one: register one with public client flows by hand, and name \
         it with --client-id"
    )]
    NoClient,
    #[error(
        "the application {app_id} has the unique name {unique_name} but not the tag {tag}: somebody else made it. Choose another \
         --name"
    )]
    Stranger { app_id: Uuid, unique_name: String, tag: String },
    #[error("{option} belongs to --credential {belongs_to}, and the credential is {kind}")]
    Misplaced { option: &'static str, belongs_to: &'static str, kind: &'static str },
    #[error(
        "a federated credential is one --issuer and at least one --subject; give both, or neither to keep what is there"
    )]
    HalfATrust,
    #[error("nothing was removed; confirm with --yes where there is no terminal to ask at")]
    NotConfirmed,
}

impl From<ApplyError> for RegistrationError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Graph(error) => error.into(),
            ApplyError::File(error) => error.into(),
        }
    }
}

/// Runs a command for a person at a terminal.
pub(crate) async fn run(command: Command) -> ExitCode {
    let world = World {
        clock: Arc::new(wiring::SystemClock),
        waits: Arc::new(RealTime),
        output: Arc::new(Output::standard()),
        confirm: ask_on_terminal,
    };
    match execute(command, &world).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default();
            anstream::eprintln!("{red}error:{red:#} {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command.
///
/// # Errors
/// Each says what to do. What was done by then stays, and the next run goes on from there.
pub async fn execute(command: Command, world: &World) -> Result<(), RegistrationError> {
    match command {
        Command::Register(arguments) => register(&arguments, world).await,
        Command::Show(arguments) => show_registration(&arguments, world).await,
        Command::CleanUp(arguments) => clean_up(&arguments, world).await,
    }
}

async fn register(arguments: &RegisterArguments, world: &World) -> Result<(), RegistrationError> {
    let tenant = &arguments.tenant;
    let targets = targets(&arguments.files);
    let wish = wish(arguments, &targets)?;
    let request = Request {
        wanted: Wanted { name: tenant.name.clone(), origins: arguments.origins.clone() },
        wish,
        admin_consent: arguments.admin_consent,
        hosts: hosts(tenant)?,
        targets,
        now: world.clock.now(),
        secret_name: format!("{} {}", tenant.name, Uuid::new_v4().simple()),
        show_secret: arguments.show_secret,
    };
    let needs: &[Needs] = if arguments.admin_consent {
        &[Needs::Registering, Needs::Consenting]
    } else {
        &[Needs::Registering]
    };
    let graph = sign_in(tenant, &request.hosts, needs, world).await?;
    let mut state = read(&graph, &tenant.name, world).await?;
    if let Wish::Certificate { .. } = &request.wish {
        read_certificates(&graph, &mut state).await?;
    }
    let output = &*world.output;
    let plan = request.plan(&state)?;
    if plan.is_empty() {
        output.heading("Nothing to do: everything is registered and written down.");
        return Ok(());
    }
    if arguments.dry_run {
        output.heading(format_args!("{} changes would be made:", plan.len()));
        for change in &plan {
            request.tell(change, output);
        }
        return Ok(());
    }
    output.heading(format_args!("{} changes:", plan.len()));
    let mut applying = Applying { request: &request, graph: &graph, output, state };
    for change in &plan {
        request.tell(change, output);
        applying.make(change).await?;
    }
    tell_next_steps(&request, &applying.state, output);
    Ok(())
}

fn tell_next_steps(request: &Request, state: &State, output: &Output) {
    output.heading("Registered.");
    for role in Role::BOTH {
        if let Some(id) = state.app_id(role) {
            output.fact(&format!("client id of the {}", role.noun()), id);
        }
    }
    let env = request.targets.env.display();
    output.fact("try it", format_args!("cargo local --env-file {env}"));
    if request.wish.kind() == Kind::Secret {
        output.fact(
            "deploy it",
            format_args!(
                "sed -n 's/^ENTRA_CLIENT_SECRET=//p' {env} | tr -d '\\n' | aws secretsmanager create-secret --name {} \
                 --secret-string file:///dev/stdin, and give its ARN as EntraClientSecretArn",
                request.name()
            ),
        );
    }
    if !request.admin_consent {
        output.fact("consent", "each user is asked at the first sign-in; --admin-consent spares them that");
    }
}

async fn show_registration(arguments: &ShowArguments, world: &World) -> Result<(), RegistrationError> {
    let tenant = &arguments.tenant;
    let graph = sign_in(tenant, &hosts(tenant)?, &[Needs::Registering], world).await?;
    let state = State::read(&graph, &tenant.name).await?;
    greet(&state, world);
    show::show(&state, &tenant.name, &world.output);
    Ok(())
}

async fn clean_up(arguments: &CleanUpArguments, world: &World) -> Result<(), RegistrationError> {
    let (tenant, output) = (&arguments.tenant, &*world.output);
    let graph = sign_in(tenant, &hosts(tenant)?, &[Needs::Registering], world).await?;
    let state = State::read(&graph, &tenant.name).await?;
    greet(&state, world);
    if let Some(stranger) = state.stranger(&tenant.name) {
        let text = format!("{} ({}) carries another tag: left alone", stranger.display_name, stranger.app_id);
        output.step(Sign::Careful, text);
    }
    let targets = targets(&arguments.files);
    let removal = Removal::plan(&state, &tenant.name, &targets, arguments.restorable)?;
    if removal.is_empty() {
        output.heading("Nothing to remove.");
        return Ok(());
    }
    output.heading(if arguments.dry_run { "These would go:" } else { "These go:" });
    removal.tell(output);
    if arguments.dry_run {
        return Ok(());
    }
    if !arguments.yes && (world.confirm)("Remove all this?") != Some(true) {
        return Err(RegistrationError::NotConfirmed);
    }
    removal.make(&graph, output).await?;
    output.heading(if arguments.restorable {
        "Removed. Entra ID keeps the applications among the deleted items for 30 days."
    } else {
        "Removed."
    });
    Ok(())
}

/// What is registered, if it is ours.
async fn read(graph: &Graph, name: &Name, world: &World) -> Result<State, RegistrationError> {
    let state = State::read(graph, name).await?;
    greet(&state, world);
    match state.stranger(name) {
        None => Ok(state),
        Some(stranger) => Err(RegistrationError::Stranger {
            app_id: stranger.app_id,
            unique_name: stranger.unique_name.clone().unwrap_or_default(),
            tag: name.tag(),
        }),
    }
}

fn greet(state: &State, world: &World) {
    let user = state.user.as_ref().and_then(|user| user.user_principal_name.as_deref());
    let user = user.unwrap_or("an application");
    let name = state.tenant.display_name.as_deref().unwrap_or("the tenant");
    world.output.line(format_args!("Signed in as {user} in {name} ({})", state.tenant.id));
    for what in &state.hidden {
        world.output.step(Sign::Careful, format_args!("you may not see {what}"));
    }
}

/// Certificates themselves come only when they are asked for by name.
async fn read_certificates(graph: &Graph, state: &mut State) -> Result<(), GraphError> {
    let Some(api) = state.api.as_mut() else { return Ok(()) };
    let doing = Doing { what: "read the certificates of the API".into(), needs: Needs::Registering };
    let path = format!("/applications/{}?$select=id,keyCredentials", api.application.id);
    let read: Application = graph.send(Ask::get(path, doing)).await?.json()?;
    api.application.key_credentials = read.key_credentials;
    Ok(())
}

fn wish(arguments: &RegisterArguments, targets: &Targets) -> Result<Wish, RegistrationError> {
    let secret = || Wish::Secret { lifetime: Days::days(arguments.secret_days.into()) };
    let kind = match arguments.credential {
        Some(kind) => kind,
        None => match targets.local()?.1.as_deref() {
            Some("federated") => Kind::Federated,
            Some("certificate") => Kind::Certificate,
            _ => Kind::Secret,
        },
    };
    let misplaced = [
        ("--issuer", Kind::Federated, arguments.issuer.is_some()),
        ("--subject", Kind::Federated, !arguments.subjects.is_empty()),
        ("--certificate", Kind::Certificate, arguments.certificate.is_some()),
        ("--show-secret", Kind::Secret, arguments.show_secret),
    ];
    if let Some((option, belongs_to, _)) =
        misplaced.into_iter().find(|(_, belongs_to, given)| *given && *belongs_to != kind)
    {
        return Err(RegistrationError::Misplaced {
            option,
            belongs_to: belongs_to.name(),
            kind: kind.name(),
        });
    }
    Ok(match (kind, &arguments.issuer, &arguments.certificate) {
        (Kind::Secret, ..) => secret(),
        (Kind::Certificate, _, Some(file)) => Wish::certificate(file.clone())?,
        (Kind::Federated, Some(issuer), _) if !arguments.subjects.is_empty() => Wish::Federated {
            issuer: issuer.clone(),
            subjects: arguments.subjects.clone(),
            audience: arguments.tenant.cloud.federation_audience().to_owned(),
        },
        (Kind::Federated, None, _) if arguments.subjects.is_empty() => Wish::Keep(kind),
        (Kind::Federated, ..) => return Err(RegistrationError::HalfATrust),
        (Kind::Certificate, _, None) => Wish::Keep(kind),
    })
}

fn hosts(tenant: &TenantArguments) -> Result<Hosts, InvalidHost> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (authority, graph) = (given(&tenant.authority_host), given(&tenant.graph_base_url));
    Hosts::new(tenant.cloud, authority.as_deref(), graph.as_deref())
}

fn targets(files: &FileArguments) -> Targets {
    Targets {
        env: files.env_file.clone(),
        sam_config: files.sam_config.clone(),
        sam_environment: files.sam_environment.clone(),
        page_config: files.page_config.clone(),
    }
}

/// Graph as whoever signs in, or as the token says that was given.
async fn sign_in(
    tenant: &TenantArguments,
    hosts: &Hosts,
    needs: &[Needs],
    world: &World,
) -> Result<Graph, RegistrationError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if hosts.authority.starts_with("http://") {
        // The emulator is on this machine: no proxy leads there.
        builder = builder.no_proxy();
    }
    let http = builder.build().map_err(RegistrationError::Client)?;
    let token = match (&tenant.access_token, &tenant.access_token_file) {
        (_, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| RegistrationError::AccessToken { path: path.clone(), source })?;
            SecretString::from(text.trim())
        }
        (Some(token), None) => token.clone(),
        (None, None) => {
            let client_id = tenant.client_id.as_deref().or(tenant.cloud.client_id());
            // Scopes without a resource are those of the cloud's Graph.
            let permissions = [&[Needs::SignIn], needs].concat();
            let scopes: Vec<&str> = permissions.iter().map(|one| one.permission()).collect();
            let sign_in = SignIn {
                http: &http,
                authority: format!("{}/{}", hosts.authority, tenant.tenant),
                client_id: client_id.ok_or(RegistrationError::NoClient)?,
                scopes: &scopes,
            };
            sign_in.run(&*world.waits, &world.output).await?
        }
    };
    let (base, waits, output) = (hosts.graph.clone(), world.waits.clone(), world.output.clone());
    Ok(Graph { http, base, token, waits, output })
}
