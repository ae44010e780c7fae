//! An emulated DynamoDB for this test run: started once, ended with this process.

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use direct::Direct;
use runtime::aws::http::{self, Connects as _};
use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use trunkline_store::dynamo::{DynamoStore, Tables};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A store on empty tables of its own.
pub(crate) async fn store() -> DynamoStore {
    opened().await.0
}

/// The same, with what it takes to lay hands on its table.
pub(crate) async fn opened() -> (DynamoStore, Client, Tables) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let (client, run) = (client(endpoint()), std::process::id());
    let tables = Tables { tenant: format!("contract-{run}-{number}"), auth: format!("contract-{run}-{number}-auth") };
    create(&client, &tables).await;
    (DynamoStore::new(client.clone(), tables.clone()).directly(direct(endpoint())), client, tables)
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .http_client(http::client(http::connections(CONNECT_TIMEOUT)))
        .build();
    Client::from_conf(config)
}

/// How first attempts are made, as on Lambda.
fn direct(endpoint: &str) -> Direct {
    Direct {
        service: "dynamodb",
        region: "us-east-1".to_owned(),
        address: format!("{endpoint}/"),
        credentials: SharedCredentialsProvider::new(credentials()),
        wire: http::connections(CONNECT_TIMEOUT).wire(endpoint).unwrap(),
        timeout: Duration::from_secs(4),
        seen: Box::new(|_| ()),
    }
}

fn credentials() -> Credentials {
    Credentials::new("test", "test", None, None, "test")
}

/// The key schema of `template.yaml`.
async fn create(client: &Client, tables: &Tables) {
    let attribute =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text = ScalarAttributeType::S;
    let keys = [key("pk", KeyType::Hash), key("sk", KeyType::Range)];
    client
        .create_table()
        .table_name(&tables.auth)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys.to_vec()))
        .set_attribute_definitions(Some(vec![attribute("pk", text.clone()), attribute("sk", text.clone())]))
        .send()
        .await
        .unwrap();
    let due = GlobalSecondaryIndex::builder()
        .index_name("due")
        .set_key_schema(Some(vec![key("dk", KeyType::Hash), key("da", KeyType::Range)]))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .unwrap();
    let mut attributes: Vec<_> = ["pk", "sk", "dk"].map(|name| attribute(name, text.clone())).into();
    attributes.push(attribute("da", ScalarAttributeType::N));
    client
        .create_table()
        .table_name(&tables.tenant)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys.to_vec()))
        .set_attribute_definitions(Some(attributes))
        .global_secondary_indexes(due)
        .send()
        .await
        .unwrap();
}

fn endpoint() -> &'static str {
    static ENDPOINT: OnceLock<String> = OnceLock::new();
    ENDPOINT.get_or_init(|| env::var("TRUNKLINE_TEST_ENDPOINT").unwrap_or_else(|_| start()))
}

/// Ends the emulator when the pipe to this process closes, however this process ends.
const UNTIL_WE_END: &str = "
import os, runpy, sys, threading
def wait():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=wait, daemon=True).start()
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name='__main__')
";

fn start() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let local = root.join("infra/local");
    let shared = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("trunkline");
    let python = python(&shared, &local.join("requirements.txt"));
    let folder = shared.join(format!("contract-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (ready, log) = (folder.join("ready.json"), folder.join("log.txt"));
    let out = File::create(&log).unwrap();
    let mut child = Command::new(python)
        .args(["-c", UNTIL_WE_END])
        .arg(local.join("launch_emulator.py"))
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::piped())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let endpoint = loop {
        if let Ok(content) = fs::read(&ready) {
            let content: serde_json::Value = serde_json::from_slice(&content).unwrap();
            break content["endpoint"].as_str().unwrap().to_owned();
        }
        let ended = child.try_wait().unwrap().is_some();
        assert!(!ended && Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap_or_default());
        thread::sleep(Duration::from_millis(20));
    };
    // Kept open until this process ends, and the child with it.
    std::mem::forget(child);
    fs::remove_dir_all(&folder).unwrap();
    endpoint
}

/// The Python of the virtual environment that the local stack uses too, made if it is not there. `trunkline up` makes
/// it by the same rules: one at a time, and again when `requirements.txt` changed.
fn python(shared: &Path, requirements: &Path) -> PathBuf {
    let folder = shared.join("venv");
    let (python, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    fs::create_dir_all(shared).unwrap();
    let lock = File::create(shared.join("venv.lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(requirements).unwrap();
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) && python.exists() {
        return python;
    }
    let base = env::var_os("TRUNKLINE_PYTHON").unwrap_or_else(|| "python3".into());
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&folder));
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--requirement"];
    run(Command::new(&python).args(pip).arg(requirements));
    fs::write(&stamp, wanted).unwrap();
    python
}
