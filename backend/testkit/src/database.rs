use std::fmt::Display;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::servers::{self, PostgresAddress, Psql, ServersError, random_hex};

/// The advisory lock that lets one process at a time make a template.
const TEMPLATE_LOCK: i64 = 0x5AA5_7E57;

/// A PostgreSQL database of one test's own, dropped with the value.
///
/// The schema is migrated once per server, into a template that every later database copies. The
/// template is named after the migrations' source, so a server that outlives a change of theirs
/// never hands out an old schema.
///
/// ```no_run
/// # async fn example() -> Result<(), saas_testkit::servers::ServersError> {
/// # async fn migrate(_url: String) -> Result<(), std::io::Error> { Ok(()) }
/// let database = saas_testkit::TestDatabase::create(migrate).await?;
/// println!("{}", database.url());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    address: PostgresAddress,
}

impl TestDatabase {
    /// A fresh database with the schema that `migrate` makes. It is given the URL of an empty
    /// database and called at most once per server and state of the migrations; it should close
    /// its connections (those left are cut).
    ///
    /// # Errors
    /// When there is no server, or `migrate` fails.
    pub async fn create<F, E>(migrate: impl FnOnce(String) -> F) -> Result<Self, ServersError>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::create_from("saas", migrate).await
    }

    /// As [`TestDatabase::create`], for a schema that is not the platform's: `schema` names it
    /// (lower-case letters), and keeps its template apart from others' on a shared server.
    ///
    /// # Errors
    /// When there is no server, or `migrate` fails.
    pub async fn create_from<F, E>(
        schema: &str,
        migrate: impl FnOnce(String) -> F,
    ) -> Result<Self, ServersError>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let template = format!("{schema}_template_{:016x}", migrations_hash()?);
        let server = server().await?;
        if let Some(database) = copy(&server, &template).await? {
            return Ok(database);
        }
        make_template(&server, &template, migrate).await?;
        copy(&server, &template)
            .await?
            .ok_or_else(|| ServersError::Program {
                program: "psql",
                output: format!("the template {template} is gone"),
            })
    }

    /// A fresh database with nothing in it, for tests of the migrations themselves.
    ///
    /// # Errors
    /// When there is no server.
    pub async fn empty() -> Result<Self, ServersError> {
        let server = server().await?;
        let name = name()?;
        blocking(
            &server,
            format!("CREATE DATABASE {name} TEMPLATE template0;"),
        )
        .await?;
        Ok(Self::named(server, name))
    }

    /// A superuser's URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements as the superuser, beside everything the platform enforces, and returns the
    /// rows: a line each, columns parted by `|`.
    ///
    /// # Errors
    /// At the first statement that fails, with PostgreSQL's message.
    pub async fn sql(&self, statements: impl Into<String>) -> Result<String, ServersError> {
        let psql = Psql::new(self.address.clone(), &self.name);
        run(psql, statements.into()).await
    }

    fn named(address: PostgresAddress, name: String) -> Self {
        Self {
            url: address.url(&name),
            name,
            address,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE);", self.name);
        // A server that is gone has taken its databases along.
        let _ = maintenance(&self.address).run(&statement);
    }
}

async fn server() -> Result<PostgresAddress, ServersError> {
    let url = spawn_blocking(|| servers::shared().map(|servers| servers.postgres_url().to_owned()))
        .await
        .map_err(joined)??;
    PostgresAddress::parse(&url)
}

/// `None` if there is no such template.
async fn copy(
    server: &PostgresAddress,
    template: &str,
) -> Result<Option<TestDatabase>, ServersError> {
    let name = name()?;
    // One psql for question and deed: \gexec runs the rows of a query as statements.
    let script = format!(
        "SELECT 'CREATE DATABASE {name} TEMPLATE {template}' {exists} \\gexec\n\
         SELECT 'copied' {exists};\n",
        exists = format_args!("WHERE EXISTS (SELECT FROM pg_database WHERE datname='{template}')"),
    );
    let copied = blocking(server, script).await? == "copied";
    Ok(copied.then(|| TestDatabase::named(server.clone(), name)))
}

/// Migrates under another name and renames when done: a template that can be seen is complete,
/// and what a killed process left behind is dropped by the next.
async fn make_template<F, E>(
    server: &PostgresAddress,
    template: &str,
    migrate: impl FnOnce(String) -> F,
) -> Result<(), ServersError>
where
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let psql = maintenance(server);
    let lock = spawn_blocking(move || psql.lock(TEMPLATE_LOCK))
        .await
        .map_err(joined)??;
    let question = format!("SELECT 'there' FROM pg_database WHERE datname = '{template}';");
    if blocking(server, question).await? == "there" {
        return Ok(());
    }
    let unfinished = format!("{template}_unfinished");
    blocking(
        server,
        format!(
            "DROP DATABASE IF EXISTS {unfinished} WITH (FORCE);\n\
             CREATE DATABASE {unfinished} TEMPLATE template0;"
        ),
    )
    .await?;
    migrate(server.url(&unfinished))
        .await
        .map_err(|source| ServersError::Migrate(source.into()))?;
    blocking(
        server,
        format!(
            "ALTER DATABASE {unfinished} ALLOW_CONNECTIONS false;\n\
             DO $$ BEGIN PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
             WHERE datname = '{unfinished}'; END $$;\n\
             ALTER DATABASE {unfinished} RENAME TO {template};"
        ),
    )
    .await?;
    drop(lock);
    Ok(())
}

fn maintenance(server: &PostgresAddress) -> Psql {
    Psql::new(server.clone(), "postgres")
}

async fn blocking(server: &PostgresAddress, script: String) -> Result<String, ServersError> {
    run(maintenance(server), script).await
}

async fn run(psql: Psql, script: String) -> Result<String, ServersError> {
    spawn_blocking(move || psql.run(&script))
        .await
        .map_err(joined)?
}

fn joined(error: impl Display) -> ServersError {
    ServersError::Program {
        program: "psql",
        output: error.to_string(),
    }
}

fn name() -> Result<String, ServersError> {
    Ok(format!("saas_test_{}", random_hex::<8>()?))
}

/// A number that changes with any source file of the `migration` crate.
fn migrations_hash() -> Result<u64, ServersError> {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../migration/src"),
        &mut files,
    )?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let text = fs::read(&file).map_err(ServersError::io(format!("read {}", file.display())))?;
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&text);
    }
    Ok(hasher.finish())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), ServersError> {
    let reading = || format!("read {}", directory.display());
    for entry in fs::read_dir(directory).map_err(ServersError::io(reading()))? {
        let path = entry.map_err(ServersError::io(reading()))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
