//! A Docker engine for `sam local`, and a base image for it, on machines that reach Debian's packages but no image registry.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::install::{apt_install, can_install_packages, find_program, need_program};
use crate::run::{Run, StepResult, Stop, fail_to};
use crate::services::Service;

/// What the image is called; `sam local --invoke-image` takes it as it is.
pub(crate) const IMAGE: &str = "sam-local-provided:al2023";
/// What a program of ours and SAM's Lambda emulator need: the C library, unwinding, and a shell to be put in place with.
const PACKAGES: [&str; 3] = ["busybox-static", "libc6", "libgcc-s1"];
/// Commands of busybox that SAM's own layer on top of the image calls, and some to look around with.
const COMMANDS: [&str; 9] = ["cat", "chmod", "cp", "env", "id", "ls", "mkdir", "mv", "sh"];
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An engine that answers. Dropped, it ends if this step started it.
pub(crate) struct Engine {
    _daemon: Option<Service>,
}

/// The engine that runs here, or one started for this step. That needs root, and Debian's packages where Docker is missing.
///
/// # Errors
/// `Skipped` where there is none and none can be started, with the reason.
pub(crate) fn engine(run: &mut Run) -> Result<Engine, Stop> {
    if answers(run) {
        return Ok(Engine { _daemon: None });
    }
    if !can_install_packages() {
        return Err(Stop::Skipped(
            "no Docker engine answers, and only root on Debian can start one here".to_owned(),
        ));
    }
    if find_program(&["dockerd"]).is_none() {
        apt_install(run, &["docker.io", "iptables", "ca-certificates"])?;
    }
    // Left by an engine that was killed.
    let _ = fs::remove_file("/var/run/docker.pid");
    let mut daemon = Service::start(run, "the Docker engine", run.command("dockerd"))?;
    match daemon.wait_until(|| answers(run)) {
        Ok(()) => Ok(Engine { _daemon: Some(daemon) }),
        // Some sandboxes let nobody mount or change the packet filter, which is not a fault of what is tested.
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            Err(Stop::Skipped(format!("{reason}; see the end of this step's log")))
        }
    }
}

fn answers(run: &Run) -> bool {
    let mut command = run.command("docker");
    command.arg("info").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// This machine's address in the network that containers are in.
pub(crate) fn bridge(run: &mut Run) -> Result<String, Stop> {
    let mut inspect = run.command("docker");
    inspect.args(["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]);
    Ok(run.output(inspect)?.trim().to_owned())
}

/// A small image in which a program for Lambda's `provided.al2023` runs, made of Debian's packages unless it is there.
///
/// Its C library is newer than Lambda's: it would not notice a program that needs too new a one.
///
/// # Errors
/// `Skipped` where there is no image and none can be made.
pub(crate) fn base_image(run: &mut Run) -> StepResult {
    let mut inspect = run.command("docker");
    inspect.args(["image", "inspect", IMAGE]).stdout(Stdio::null()).stderr(Stdio::null());
    if inspect.status().is_ok_and(|status| status.success()) {
        run.note("the base image is there");
        return Ok(());
    }
    for program in ["apt-get", "dpkg-deb"] {
        need_program(program, "the image is made of Debian's packages")?;
    }
    let folder = run.scratch()?;
    let (packages, root) = (folder.join("packages"), folder.join("root"));
    for folder in [&packages, &root] {
        fs::create_dir_all(folder).map_err(fail_to(format!("create {}", folder.display())))?;
    }
    // apt downloads as a user of its own, who must be able to write here.
    for folder in [&folder, &packages] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777))
            .map_err(fail_to(format!("open {} to apt", folder.display())))?;
    }
    let mut download = run.command("apt-get");
    download.arg("download").args(PACKAGES).current_dir(&packages);
    run.execute(download)?;
    for package in fs::read_dir(&packages).map_err(fail_to("list the packages"))? {
        let package = package.map_err(fail_to("list the packages"))?.path();
        let mut unpack = run.command("dpkg-deb");
        unpack.arg("--extract").arg(package).arg(&root);
        run.execute(unpack)?;
    }
    furnish(&root).map_err(fail_to("lay out the base image"))?;
    import(run, &root)
}

/// The folders and files that Lambda's image has and no package brings.
fn furnish(root: &Path) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(root.join("usr/share"));
    for folder in
        ["bin", "etc/ssl/certs", "etc/pki/tls/certs", "opt", "tmp", "var/rapid", "var/runtime", "var/task"]
    {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    for command in COMMANDS {
        let link = root.join("bin").join(command);
        let _ = fs::remove_file(&link);
        symlink("busybox", link)?;
    }
    fs::copy(CERTIFICATES, root.join(CERTIFICATES.trim_start_matches('/')))?;
    symlink(CERTIFICATES, root.join("etc/pki/tls/certs/ca-bundle.crt"))?;
    fs::write(root.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
    // As Lambda's image has it: a name may have several addresses, as `localhost` gets one of this machine's.
    fs::write(root.join("etc/host.conf"), "multi on\n")?;
    // SAM's emulator starts the program as this user.
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nsbx_user1051:x:990:\n")
}

fn import(run: &mut Run, root: &Path) -> StepResult {
    let archive = root.with_extension("tar");
    let mut pack = run.command("tar");
    pack.arg("-C").arg(root).args(["--owner=0", "--group=0", "-cf"]).arg(&archive).arg(".");
    run.execute(pack)?;
    let mut import: Command = run.command("docker");
    import.arg("import");
    for setting in [
        "ENV PATH=/usr/bin:/bin LANG=en_US.UTF-8 TZ=:UTC",
        "ENV LAMBDA_TASK_ROOT=/var/task",
        "WORKDIR /var/task",
    ] {
        import.args(["--change", setting]);
    }
    import.arg(&archive).arg(IMAGE);
    run.execute(import)
}
