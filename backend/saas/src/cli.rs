//! The command line: what `saas --help` shows.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help's text, in which backticks would be shown"
)]

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use saas_domain::{EmailAddress, InstanceId, ServiceName, Slug};

use crate::host_name::HostName;

/// A platform for launching a software-as-a-service product: service registry, API gateway, core
/// service and console in one program.
///
/// Settings come from the environment and from ./saas.toml (or the file that SAAS_CONFIG names),
/// secrets also from a file by <NAME>_FILE and from Vault (VAULT_ADDR); `saas config show` lists
/// them. Exit status: 0 done, 1 failed, 2 something to be corrected in the command, the settings or
/// the surroundings first.
#[derive(Debug, Parser)]
#[command(name = "saas", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `saas` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole platform in one process: registry, gateway, core and console.
    ///
    /// Data lies in DATA_DIR (./data), in SQLite unless DATABASE_URL says otherwise. The first
    /// start makes an administrator (ADMIN_EMAIL) and prints the one-time password once; in
    /// production, `saas one-time-password` does. When ready it writes DATA_DIR/run.json with the addresses and the process identifier.
    Up,
    /// Run the service registry alone, on PostgreSQL.
    Registry,
    /// Run the gateway alone; it finds core through the registry at REGISTRY_URL.
    Gateway,
    /// Run the core service alone, on PostgreSQL.
    Core,
    /// Change the database's schema, under a lock when several start at once.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Save the database, look at backups, and make one the database again.
    #[command(subcommand)]
    Backup(Backup),
    /// Look at the settings.
    #[command(subcommand)]
    Config(Config),
    /// Make tokens for business services.
    #[command(subcommand)]
    Token(Token),
    /// Help people who cannot sign in.
    #[command(subcommand)]
    User(User),
    /// Take an instance out of service: no new requests, wait for those under way.
    ///
    /// For a Kubernetes preStop hook and for scripts. Exit status 1 if requests were still under
    /// way, or a gateway had not confirmed, when the wait was over.
    Drain(Drain),
    /// Take an instance back into service that is draining.
    ///
    /// It gets requests again, as soon as its check passes if it has one. Nothing changes if it is
    /// not draining.
    Undrain(Instance),
    /// Ask a service on this machine whether it is ready; needs no shell and no curl.
    Healthcheck(Healthcheck),
    /// Look whether everything holds that a platform in use relies on.
    ///
    /// One line for each check: what was seen, and how to mend it. Takes the platform's settings: run
    /// it where core runs (`docker compose exec core saas doctor`, `kubectl exec deployment/core --
    /// saas doctor`), or with PUBLIC_URL and CONSOLE_URL alone from anywhere (`--only public`).
    /// Changes nothing. Exit status 1 if a check failed; what cannot be looked at from there is
    /// skipped, and said so.
    Doctor(Doctor),
    /// Print the first administrator's one-time password, and forget it.
    ///
    /// For production, where the first start does not print it: it would stay in collected logs. To
    /// be run where core runs, as in `docker compose exec core saas one-time-password`. Not needed if
    /// ADMIN_PASSWORD was set.
    OneTimePassword,
    /// Print a service's OpenAPI description.
    Openapi {
        /// Whose.
        service: Described,
    },
}

/// `saas migrate …`
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply every migration that is missing.
    ///
    /// All of them or, if one fails or this is ended in the middle, none.
    Up {
        /// Only this many, the oldest first.
        #[arg(long)]
        steps: Option<u32>,
    },
    /// Take migrations back, newest first. Data in what they made is lost.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List the migrations and which of them are applied.
    Status(Output),
    /// Try the missing migrations on a copy of the database, while the platform goes on.
    ///
    /// Says how long each takes and, on PostgreSQL, which tables it locks and who waits meanwhile. The
    /// copy is on the same server, for SQLite in BACKUP_DIR, and is removed afterwards.
    Rehearse(Output),
    /// Move the whole platform to another database, such as from SQLite to PostgreSQL.
    ///
    /// Stop the platform first. Everything but what running processes make anew is copied in one
    /// transaction, every table is compared, and only then it counts; the source is not changed.
    /// Identifiers, sessions, tokens and passwords stay valid under the same SECRET_KEY. The target
    /// is made if it is not there, and has to be empty otherwise. Set DATABASE_URL to the target
    /// afterwards.
    Copy(Copy),
}

/// `saas migrate copy`
#[derive(Debug, Args)]
pub struct Copy {
    /// The database that is copied, such as sqlite:///var/lib/saas/saas.db; DATABASE_URL unless
    /// given. Leave a password out and give it as PGPASSWORD: a command line is read by everybody on
    /// the machine.
    #[arg(long, value_name = "URL", required_unless_present = "to")]
    pub from: Option<String>,
    /// The database that is filled; DATABASE_URL unless given.
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// Look at both, say what would be copied, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `saas backup …`
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Save the database as it is at one moment, while the platform goes on.
    ///
    /// The backup gets its name only when it is whole and on the disk. PostgreSQL is saved by its own
    /// `pg_dump`, which has to be on this machine. With BACKUP_S3_BUCKET, it is then copied there.
    Create(Output),
    /// Copy those backups to BACKUP_S3_BUCKET that are not there yet.
    Upload,
    /// List the backups in BACKUP_DIR and in BACKUP_S3_BUCKET, newest first.
    List(Output),
    /// Read backups to their end and compare everything in them with what they say of themselves.
    Verify {
        /// Which, as a path, by its name in BACKUP_DIR, or as s3://BUCKET/KEY, which is fetched to be
        /// read and not kept; the newest one in BACKUP_DIR unless named.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Every one in BACKUP_DIR, and every one in BACKUP_S3_BUCKET.
        #[arg(long, conflicts_with = "files")]
        all: bool,
    },
    /// Remove backups that no rule keeps, in BACKUP_DIR and in BACKUP_S3_BUCKET; never the newest one
    /// of either.
    ///
    /// Kept is what is not older than BACKUP_RETENTION_DAYS, and the newest of as many days, weeks and
    /// months as BACKUP_KEEP_DAILY, BACKUP_KEEP_WEEKLY and BACKUP_KEEP_MONTHLY say.
    Prune {
        /// Only say what would be removed, and why the others are kept.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make a backup the database.
    ///
    /// Everything is looked at first. Then a database beside the live one is filled, compared with
    /// the backup, brought to this version's schema, and takes the other's place in one step. The one
    /// that was there is kept beside it. All sessions end.
    ///
    /// With --tenant, one tenant's rows alone take the place of those it has now, in one transaction;
    /// everybody else's stay as they are, and the platform goes on meanwhile (on SQLite it has to be
    /// stopped). People who are there stay as they are, those who are not come back disabled.
    Restore(Restore),
    /// Say that the database was restored by other means than `saas backup restore`.
    ///
    /// To be run once, before the platform starts on it: after a restore to a moment from PostgreSQL's
    /// archive, or of a backup by psql or gunzip. Applies missing migrations, begins a new history, so
    /// that gateways take everything anew, and ends all sessions.
    Restored,
    /// Go on and make a backup whenever BACKUP_SCHEDULE says, on PostgreSQL; `saas up` does so by
    /// itself.
    ///
    /// Several of these share the work: one makes each backup, and another takes over if that one
    /// dies. What was missed while none ran is made up for, once. Old backups are removed as by
    /// `saas backup prune`. Answers at BACKUP_PORT with health and metrics.
    Schedule {
        /// Do what is due, if anything is, and end: for a CronJob or cron. Exit status 1 if it came
        /// to nothing, after as many attempts as otherwise.
        #[arg(long)]
        once: bool,
    },
    /// Prove that a backup can be used.
    ///
    /// Restores it beside the live database, which is not touched, starts core on it, signs in, reads,
    /// compares all counts and checksums, and measures how long that took. Says so in a signed report,
    /// and fails loudly if anything is not as it should be. What was restored is removed again.
    Drill(Drill),
}

/// `saas backup drill …`
#[derive(Debug, clap::Args)]
pub struct Drill {
    /// The backup, as a path or by its name in BACKUP_DIR; the newest one there unless named.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Write the signed report here as well.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Instead of a drill, check whether a report is as a drill of this platform signed it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "report"])]
    pub check: Option<PathBuf>,
    /// Print the report as JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

/// `saas backup restore …`
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Restore {
    /// The backup, as a path, by its name in BACKUP_DIR, or as s3://BUCKET/KEY, which is fetched into
    /// BACKUP_DIR first.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Look at everything, say what would be done, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// A database is there and may be replaced; whoever is connected to it is sent away. With
    /// --tenant: the tenant is there, and what it has now may be replaced.
    #[arg(long)]
    pub replace: bool,
    /// Restore it also if it was sealed under another SECRET_KEY, or altered by somebody.
    #[arg(long)]
    pub any_seal: bool,
    /// Restore this tenant alone, by its identifier or the slug it had at the time of the backup.
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Give the tenant this slug, for another one has its own now.
    #[arg(long, value_name = "SLUG", requires = "tenant")]
    pub slug: Option<Slug>,
    /// Restore the tenant without the person of this address; may be given several times.
    #[arg(long, value_name = "EMAIL", requires = "tenant")]
    pub leave_out: Vec<EmailAddress>,
    /// Do not save the database first. Otherwise a backup is made before a tenant's rows are
    /// replaced, so that there is a way back.
    #[arg(long, requires = "tenant")]
    pub without_backup: bool,
}

/// `saas config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check the settings as a start would, and change nothing.
    Check {
        /// For which command.
        #[arg(long, value_enum, default_value_t = ForRole::Up)]
        role: ForRole,
    },
    /// List every setting with its value and where it comes from. Secrets are masked.
    Show(Output),
    /// Write a .env file for docker-compose.prod.yml, with fresh secrets, readable by its owner only.
    Generate(Generate),
    /// Print the document of all settings, in Markdown.
    Document {
        /// In which language.
        #[arg(long, value_enum, default_value_t = InLanguage::En)]
        language: InLanguage,
    },
}

/// `saas token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token with which instances of one service may register (REGISTRATION_TOKEN).
    Create {
        /// The service's name.
        #[arg(long)]
        service: ServiceName,
        /// Let its registrations declare paths that need no token.
        #[arg(long)]
        public: bool,
        /// For how many days it is valid.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
}

/// `saas user …`
#[derive(Debug, Subcommand)]
pub enum User {
    /// Give somebody a new one-time password, in place of a lost one.
    ///
    /// For whoever runs the platform, whether it runs at the moment or not; it takes the platform's
    /// settings and data directory. Prints the password, this once. It must be changed at the first
    /// sign-in. The person's sessions end.
    ResetPassword {
        /// The e-mail address they sign in with.
        email: EmailAddress,
    },
}

/// Which instance.
#[derive(Debug, Args)]
pub struct Instance {
    /// The service's name.
    #[arg(long)]
    pub service: ServiceName,
    /// The instance's identifier.
    #[arg(long)]
    pub instance: InstanceId,
}

/// `saas drain`
#[derive(Debug, Args)]
pub struct Drain {
    /// Which instance.
    #[command(flatten)]
    pub which: Instance,
    /// For how many seconds to wait.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=300))]
    pub wait: u32,
    /// Print the registry's answer as JSON: drained, waiting_for, unknown.
    #[arg(long)]
    pub json: bool,
}

/// `saas doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at security as well: the groups `security` and `edge`.
    #[arg(long)]
    pub security: bool,
    /// Look at these alone, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUP")]
    pub only: Vec<CheckGroup>,
    /// Leave these out, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUP")]
    pub skip: Vec<CheckGroup>,
    /// Where Prometheus answers, to see whether it reads all and its alert rules are loaded.
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// A file with lines of the platform's log, to see whether they are well formed; `-` reads
    /// standard input.
    #[arg(long, value_name = "FILE")]
    pub logs: Option<PathBuf>,
    /// Read the newest backup to its end, which for a large one takes minutes.
    #[arg(long)]
    pub read_backup: bool,
    /// For how many seconds to wait for each answer.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub timeout: u32,
    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

/// What `saas doctor` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum CheckGroup {
    /// The database is reachable and migrated
    Database,
    /// Redis answers, if it is used
    Redis,
    /// Every process of the platform is ready
    Services,
    /// Services are registered, with instances that are up
    Registry,
    /// Gateways lead to core, refuse who has no token, pass on nothing internal
    Routes,
    /// The public addresses answer by https, with certificates that hold
    Public,
    /// Metrics are given, and read
    Metrics,
    /// Lines of the log are well formed
    Logs,
    /// There is a backup, it is young and sound, and a drill proved it
    Backups,
    /// What makes it easy to break in: secrets, files
    Security,
    /// What strangers find at the public addresses: open ports, TLS versions, headers
    Edge,
}

impl CheckGroup {
    /// Its name, as on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Redis => "redis",
            Self::Services => "services",
            Self::Registry => "registry",
            Self::Routes => "routes",
            Self::Public => "public",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Backups => "backups",
            Self::Security => "security",
            Self::Edge => "edge",
        }
    }
}

/// `saas healthcheck`
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Where the service answers, such as http://127.0.0.1:8001; /health/ready is appended. By
    /// default the one that DATA_DIR/run.json names.
    #[arg(long)]
    pub url: Option<String>,
    /// For how many seconds to wait.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub timeout: u32,
}

impl Healthcheck {
    /// The wait as a duration.
    pub fn within(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout))
    }
}

/// How to print.
#[derive(Debug, Args)]
pub struct Output {
    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

/// A service that has an OpenAPI description.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Described {
    /// The core service.
    Core,
    /// The registry.
    Registry,
}

/// `saas config generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// The domain: the API is reached at api.DOMAIN, the console at admin.DOMAIN.
    #[arg(long, required_unless_present = "example")]
    pub domain: Option<HostName>,
    /// The first administrator's e-mail address, to which Let's Encrypt writes, too.
    #[arg(long, required_unless_present = "example")]
    pub email: Option<EmailAddress>,
    /// Where to write; what is there is never overwritten. `-` prints.
    #[arg(long, default_value = ".env")]
    pub output: PathBuf,
    /// Print the file without values, as .env.prod.example has it.
    #[arg(long, conflicts_with_all = ["domain", "email", "output"])]
    pub example: bool,
}

/// A language of documents.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InLanguage {
    /// English
    En,
    /// Chinese
    #[value(name = "zh-CN")]
    ZhCn,
}

/// The commands that have settings of their own.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ForRole {
    /// `saas up`
    Up,
    /// `saas registry`
    Registry,
    /// `saas gateway`
    Gateway,
    /// `saas core`
    Core,
    /// `saas backup schedule`
    Backup,
}
