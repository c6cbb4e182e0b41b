//! Puts a coordinator under the load of peers that do nothing, and measures what others notice.
//!
//! ```sh
//! cargo build --release --workspace --bins --examples
//! target/release/examples/load-coordinator target/release/impasto
//! ```
//!
//! It starts the coordinator, opens silent connections, downloads that nobody reads and submissions
//! that nobody finishes, and then makes small calls one after the other. It fails if a call takes
//! longer than others should wait, or if the coordinator takes more memory than a small server has.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use impasto_proto::client::{self, FarmClient};
use impasto_proto::limits::TASKS_PER_MESSAGE;
use impasto_proto::v1::blobs_client::BlobsClient;
use impasto_proto::v1::submit_request::Part as SubmitPart;
use impasto_proto::{to_proto, v1};
use impasto_types::{
    Action, AssetKind, BlobRef, ContainerFormat, Input, Method, OutputSpec, Part, Preset, StyleRef,
    TaskSpec,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Response, Status};

type Failure = Box<dyn Error + Send + Sync>;

/// Connections that send nothing at all, and as many that begin to speak HTTP/2 and then stop.
const SILENT: usize = 1_500;
const DOWNLOADS: usize = 1_000;
const SUBMISSIONS: usize = 200;

/// Each download is of a blob of this size.
const BLOB_BYTES: usize = 16 << 20;
/// Each submission announces this many tasks, and sends this many.
const TASKS_ANNOUNCED: usize = 50_000;
const TASKS_SENT: usize = 2_000;

/// How many calls of each kind are measured.
const CALLS: u32 = 100;

const LONGEST: Duration = Duration::from_millis(100);
const LARGEST_MIB: u64 = 200;

/// What HTTP/2 begins with: the preface, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "its results are for people")]
fn say(line: &str) {
    println!("{line}");
}

async fn run() -> Result<bool, Failure> {
    let program = std::env::args().nth(1).ok_or("usage: load-coordinator PROGRAM")?;
    let folder = tempfile::tempdir()?;
    let coordinator = Coordinator::start(&program, folder.path())?;
    let calm = measure(&coordinator, "nobody else").await?;

    let mut silent = Vec::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(&coordinator.address).await?;
        if number % 2 == 0 {
            // It may have been closed to make room.
            let _ = stream.write_all(PREFACE).await;
        }
        silent.push(stream);
    }
    let connected = measure(&coordinator, &format!("{SILENT} silent connections")).await?;

    let blob = blob_of(BLOB_BYTES);
    let content = BlobRef::of(&blob);
    FarmClient::connect(&coordinator.url).await?.blobs().upload(content, blob.into()).await?;
    let downloads = open_all(DOWNLOADS, &coordinator.url, move |channel| async move {
        let request = v1::DownloadRequest { blob: Some(to_proto::blob(&content)) };
        Ok(BlobsClient::new(channel).download(request).await?.into_inner())
    });
    let downloads = downloads.await?;
    let unread = measure(&coordinator, &format!("and {DOWNLOADS} unread downloads")).await?;

    let parts = submission();
    let submissions = open_all(SUBMISSIONS, &coordinator.url, move |channel| {
        let unfinished = parts.clone();
        open_submission(channel, unfinished)
    });
    let submissions = submissions.await?;
    // For the messages to arrive.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let open = measure(&coordinator, &format!("and {SUBMISSIONS} open submissions")).await?;

    let refused = submissions.iter().filter(|answer| answer.is_finished()).count();
    say(&format!("{} downloads are open, {refused} submissions were refused", downloads.len()));
    say(&format!("most memory: {} MiB", coordinator.memory_mib("VmHWM")?));
    Ok(calm & connected & unread & open)
}

type Submission = JoinHandle<Result<Response<v1::SubmitResponse>, Status>>;

/// Begins to submit, and sends no end.
async fn open_submission(
    channel: Channel,
    unfinished: Vec<SubmitPart>,
) -> Result<Submission, Failure> {
    let (parts, stream) = mpsc::channel(1);
    // It may have to wait, and it may be refused: both are ways to hold out.
    tokio::spawn(async move {
        for part in unfinished {
            if parts.send(v1::SubmitRequest { part: Some(part) }).await.is_err() {
                return;
            }
        }
        parts.closed().await;
    });
    let answer = async move { client::jobs(channel).submit(ReceiverStream::new(stream)).await };
    Ok(tokio::spawn(answer))
}

/// Opens many calls, each on a connection of its own.
async fn open_all<T, F>(
    count: usize,
    url: &str,
    open: impl Fn(Channel) -> F + Clone + Send + Sync + 'static,
) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send,
{
    const AT_ONCE: usize = 50;
    let (mut opening, mut opened) = (JoinSet::new(), Vec::new());
    for _ in 0..count {
        if opening.len() == AT_ONCE
            && let Some(done) = opening.join_next().await
        {
            opened.push(done??);
        }
        let (url, open) = (url.to_owned(), open.clone());
        opening.spawn(async move {
            let channel = client::connect(&url).await?;
            open(channel).await
        });
    }
    while let Some(done) = opening.join_next().await {
        opened.push(done??);
    }
    Ok(opened)
}

/// Makes small calls, and prints how long they take. Returns whether all is within the limits.
async fn measure(coordinator: &Coordinator, load: &str) -> Result<bool, Failure> {
    let client = FarmClient::connect(&coordinator.url).await?;
    let (blobs, mut longest, mut line) = (client.blobs(), Duration::ZERO, format!("{load}:"));
    for call in ["list", "find", "upload", "download"] {
        let mut times = Vec::new();
        for number in 0..CALLS {
            let bytes = format!("{load} {call} {number}").into_bytes();
            let blob = BlobRef::of(&bytes);
            if call == "download" {
                blobs.upload(blob, bytes.clone().into()).await?;
            }
            let began = Instant::now();
            match call {
                "list" => drop(client.list_jobs(false, 10).await?),
                "find" => drop(blobs.find_missing(&[blob]).await?),
                "upload" => blobs.upload(blob, bytes.into()).await?,
                _ => drop(blobs.download(blob).await?),
            }
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let (half, most) = (times[times.len() / 2], times[times.len() - 1]);
        line.push_str(&format!(" {call} {:.1}", half.as_secs_f64() * 1e3));
        line.push_str(&format!(" (at most {:.1}) ms,", most.as_secs_f64() * 1e3));
        longest = longest.max(most);
    }
    let memory = coordinator.memory_mib("VmRSS")?;
    say(&format!("{line} {memory} MiB, {} descriptors", coordinator.descriptors()?));
    Ok(longest <= LONGEST && memory <= LARGEST_MIB)
}

/// The parts of a submission that is never finished.
fn submission() -> Vec<SubmitPart> {
    let header = v1::SubmitHeader {
        key: "never".to_owned(),
        project: "load".to_owned(),
        priority: 0,
        task_count: u32::try_from(TASKS_ANNOUNCED).expect("it is small"),
    };
    let mut parts = vec![SubmitPart::Header(header)];
    let numbers: Vec<usize> = (0..TASKS_SENT).collect();
    for message in numbers.chunks(TASKS_PER_MESSAGE) {
        let tasks =
            message.iter().map(|number| to_proto::task_spec(&task(&format!("{number}.png"))));
        parts.push(SubmitPart::Tasks(v1::SubmitTasks { tasks: tasks.collect() }));
    }
    parts
}

fn task(name: &str) -> TaskSpec {
    let [content, style] = [name, "style"].map(|text| BlobRef::of(text.as_bytes()));
    let outputs = vec![OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 }];
    TaskSpec {
        asset: name.parse().expect("it is a path"),
        action: Action {
            method_version: Method::Optimize.version(),
            recipe: Preset::Painterly.recipe(),
            kind: AssetKind::picture(),
            inputs: vec![Input::blob(Part::Color, content)],
            styles: vec![StyleRef::whole(style, 1.0)],
            regions: None,
            texture: None,
            models: vec![],
            outputs,
        },
        least_memory_bytes: 1 << 20,
        work: 1000,
    }
}

fn blob_of(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| ((index * index) >> 7) as u8).collect()
}

/// The coordinator under load. It ends with this value.
struct Coordinator {
    process: Child,
    url: String,
    address: String,
}

impl Coordinator {
    fn start(program: &str, data_dir: &Path) -> Result<Self, Failure> {
        let mut process = Command::new(program)
            .args(["coordinator", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().ok_or("it has no stdout")?).read_line(&mut url)?;
        let url = url.trim().to_owned();
        let address = url.strip_prefix("http://").ok_or("it did not start")?.to_owned();
        Ok(Self { process, url, address })
    }

    /// A figure of its memory, as Linux names it.
    fn memory_mib(&self, name: &str) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such figure")?;
        let kib: u64 = line.split_whitespace().nth(1).ok_or("it has no value")?.parse()?;
        Ok(kib / 1024)
    }

    fn descriptors(&self) -> Result<usize, Failure> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
