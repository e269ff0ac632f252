//! The start of a process: the C `main` of a program, and its allocator.
//!
//! The C library calls this `main` directly. The start-up code of Rust's standard library
//! (signal stacks, a handler for stack overflows) would take a sixth of the time of a
//! request. The parts of it that are needed are here: SIGPIPE is ignored, and closed
//! standard streams are opened. All `unsafe` code of the library is in this file.

#![expect(unsafe_code, reason = "a C main: its lists, SIGPIPE, the allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::Dlmalloc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{stderr, stdin, stdout};

use crate::gateway::{Environment, Interface, ProcessInput};
use crate::server::Server;

/// dlmalloc with a spin lock, for [`main!`](crate::main).
///
/// In a short program such as a CGI program, the C library's allocator maps and unmaps
/// memory page by page; this one maps 64 KiB once and reuses it.
/// `dlmalloc::GlobalDlmalloc` uses a mutex of the C library; locking it took a fifteenth
/// of a request's instructions.
pub struct Allocator {
    heap: UnsafeCell<Dlmalloc>,
    is_used: AtomicBool,
}

impl Allocator {
    /// An allocator without memory.
    #[expect(clippy::new_without_default, reason = "for a static only")]
    pub const fn new() -> Self {
        Self {
            heap: UnsafeCell::new(Dlmalloc::new()),
            is_used: AtomicBool::new(false),
        }
    }
}

impl std::fmt::Debug for Allocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Allocator")
    }
}

// SAFETY: `with` gives the heap to one thread at a time.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// Waits until no other thread uses the heap. (signet has one thread.)
    fn with<T>(&self, run: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        while self.is_used.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: this thread has set the flag, and `run` does not allocate.
        let outcome = run(unsafe { &mut *self.heap.get() });
        self.is_used.store(false, Ordering::Release);
        outcome
    }
}

// SAFETY: the heap's functions have the same contract; they do not panic.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        self.with(|heap| unsafe { heap.free(block, layout.size(), layout.align()) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        self.with(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract.
        self.with(|heap| unsafe { heap.realloc(block, layout.size(), layout.align(), size) })
    }
}

/// A process that has started.
#[derive(Debug)]
pub struct Process {
    /// The interface by which it was started.
    pub interface: Interface,
    /// Its environment, first argument, time and user.
    pub input: ProcessInput,
    /// The sockets that systemd has opened for it, from descriptor 3 on
    /// (sd_listen_fds(3)). Only on the command line.
    pub sockets: Vec<OwnedFd>,
    /// The arguments without the program's name. Under CGI, a visitor can choose them
    /// (RFC 3875, 4.4).
    pub arguments: Vec<OsString>,
}

impl Process {
    /// Starts: ignores SIGPIPE, opens closed standard streams, and reads environment,
    /// arguments, time and user. Unless it is a CGI program, it also unblocks all
    /// signals.
    ///
    /// # Safety
    ///
    /// Both parameters are lists as the C library passes them to `main`, and nothing in
    /// this process ever sets a variable or changes an argument.
    pub unsafe fn begin(argv: *const *const c_char, envp: *const *const c_char) -> Self {
        // Writing to a closed pipe is then an error and does not end the process.
        // SAFETY: a signal that is ignored runs nothing.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        open_standard_streams();
        // SAFETY: the caller's contract.
        let (arguments, entries) = unsafe { (strings(argv), strings(envp)) };
        let arguments: Vec<OsString> = arguments
            .skip(1)
            .map(|argument| OsStr::from_bytes(argument).to_owned())
            .collect();
        let input = ProcessInput {
            vars: Environment::from_entries(entries),
            argument: arguments.first().cloned(),
            now: now(),
            euid: effective_user(),
        };
        // Not from the arguments: under CGI, a web server may pass the words of a query
        // as arguments (RFC 3875, 4.4).
        let interface = input.interface();
        let sockets = match interface {
            Interface::Cgi => Vec::new(),
            Interface::FastCgi => {
                unblock_signals();
                Vec::new()
            }
            Interface::CommandLine => {
                unblock_signals();
                passed_sockets(&input.vars)
            }
        };
        Self {
            interface,
            input,
            sockets,
            arguments,
        }
    }
}

impl Process {
    /// Runs `server` in this process. Returns the exit code of [`Server::run`].
    pub fn serve(self, server: &Server<'_>) -> u8 {
        server.run_as(self.interface, self.input)
    }
}

/// Defines `main` and the allocator of a CGI program, which then starts as fast as
/// signet.
///
/// The file must begin with `#![cfg_attr(not(test), no_main)]`: without `no_main`, the
/// compiler says that "`main` has invalid return type `i32`". In a test (`cargo test`), the
/// macro defines neither the C `main` nor the allocator, so that unit tests can be in the
/// same file.
///
/// `signet::main!(handler)` calls `handler(request, session)` for every request; the
/// program's name is that of its Cargo package. `signet::main!(server: EXPRESSION)` runs the
/// [`Server`](crate::Server) that the expression returns.
///
/// Two programs of one package that use the first form have one name, so they share their
/// state folder, their key and their sessions: a visitor of one is logged in to the other.
/// To separate them, give each a name:
/// `signet::main!(server: signet::Server::named("shop").fallback(handler))`.
///
/// ```no_run
/// #![cfg_attr(not(test), no_main)]
///
/// signet::main!(|_request, session| {
///     let visits = session.get_or("visits", 0) + 1;
///     session.insert("visits", visits);
///     signet::html(format!("<p>Visit number {visits}</p>"))
/// });
/// ```
///
/// A closure that uses `?` does not tell the compiler the type of its error. End it with
/// `Ok::<_, signet::Error>(...)`, or pass a function:
///
/// ```no_run
/// #![cfg_attr(not(test), no_main)]
///
/// use signet::{Error, Form, Request, Response, Session, escape, form, html};
///
/// fn greet(request: &Request, _session: &mut Session) -> Result<Response, Error> {
///     let form: Form = form(request)?;
///     let name = form.get("name").unwrap_or("world");
///     Ok(html(format!("<p>Hello, {}</p>", escape(name))))
/// }
///
/// signet::main!(greet);
/// ```
#[macro_export]
macro_rules! main {
    (server: $server:expr $(,)?) => {
        $crate::main!(@main |process: $crate::process::Process| process.serve(&$server));
    };
    (@main $run:expr) => {
        #[cfg(not(test))]
        #[global_allocator]
        static ALLOCATOR: $crate::process::Allocator = $crate::process::Allocator::new();

        // SAFETY: no other symbol of this name is linked, as `no_main` leaves out std's.
        #[cfg_attr(not(test), unsafe(no_mangle))]
        // A unit test has the `main` of the test harness.
        #[cfg_attr(test, allow(dead_code))]
        extern "C" fn main(
            _argc: ::std::ffi::c_int,
            argv: *const *const ::std::ffi::c_char,
            envp: *const *const ::std::ffi::c_char,
        ) -> ::std::ffi::c_int {
            // SAFETY: both are lists as the C library passes them.
            let process = unsafe { $crate::process::Process::begin(argv, envp) };
            ($run)(process).into()
        }
    };
    ($handler:expr $(,)?) => {
        $crate::main!(
            server: {
                // Cargo allows more names than fit into the name of a folder.
                const NAME: &str = env!("CARGO_PKG_NAME");
                const _: () = assert!(
                    $crate::config::ProgramName::new(NAME).is_ok(),
                    "the package's name is not 1 to 64 ASCII letters, digits, - and _: use \
                     signet::main!(server: signet::Server::named(\"another-name\").fallback(...))"
                );
                $crate::Server::named(NAME).fallback($handler)
            }
        );
    };
}

/// A process inherits the signals that its parent has blocked. A blocked SIGTERM would
/// not end this process, and a blocked SIGCHLD would not say that a worker ended.
fn unblock_signals() {
    // SAFETY: both calls write or read only the set, which is a local variable.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// The sockets that systemd has opened for this process, from descriptor 3 on
/// (sd_listen_fds(3)).
fn passed_sockets(vars: &Environment) -> Vec<OwnedFd> {
    let end = 3_i32.saturating_add(vars.passed_sockets(std::process::id()));
    (3..end)
        .map_while(|fd| {
            // SAFETY: this fails if the descriptor is not open.
            let is_open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
            // SAFETY: it is open, and nothing in this process has used it before.
            is_open.then(|| unsafe { OwnedFd::from_raw_fd(fd) })
        })
        .collect()
}

/// The effective user id, from the list that the kernel passes to a new program: this
/// saves a system call.
fn effective_user() -> u32 {
    // SAFETY: the C library reads its copy of the kernel's list, and sets errno
    // (which is this thread's own) if there is no such entry.
    let (user, errno) = unsafe {
        *libc::__errno_location() = 0;
        let user = libc::getauxval(libc::AT_EUID);
        (user, *libc::__errno_location())
    };
    match u32::try_from(user) {
        Ok(user) if errno == 0 => user,
        _ => rustix::process::geteuid().as_raw(),
    }
}

/// The strings of a list that ends with a null pointer.
///
/// # Safety
///
/// `list` is such a list, and neither it nor its strings are ever changed.
unsafe fn strings(list: *const *const c_char) -> impl Iterator<Item = &'static [u8]> {
    (0..)
        // SAFETY: the null pointer, at which this ends, is in the list.
        .map(move |index| unsafe { *list.add(index) })
        .take_while(|string| !string.is_null())
        // SAFETY: a pointer that is not null is that of a string.
        .map(|string| unsafe { CStr::from_ptr(string) }.to_bytes())
}

/// The time, in Unix seconds; 0 before 1970.
///
/// By a system call: to find the kernel's function without one, the C library reads four
/// pages of memory, which takes longer than all other code in this file.
fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec, and `time` is one.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0)
}

/// Opens `/dev/null` for each closed standard stream: otherwise the next file would get
/// the stream's descriptor, and messages would be written into it.
fn open_standard_streams() {
    let mut streams =
        [stdin(), stdout(), stderr()].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::empty()));
    let asked = poll(&mut streams, Some(&Timespec::default()));
    for stream in streams {
        if asked.is_ok()
            && stream.revents().contains(PollFlags::NVAL)
            && let Ok(null) = open("/dev/null", OFlags::RDWR, Mode::empty())
        {
            let _ = null.into_raw_fd();
        }
    }
}
