//! Chooses the entrance: a web server's CGI, its FastCGI socket, or a person's
//! shell.
//!
//! The C library calls this `main` itself. What std does before a Rust one
//! (signal stacks, handlers that say "stack overflow") takes a sixth of the
//! time of a page; the two things that matter here are done by hand. All of
//! the program's `unsafe` is in this file.

#![no_main]
#![expect(unsafe_code, reason = "a C main: its symbol, its lists, SIGPIPE")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::Dlmalloc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{stderr, stdin, stdout};
use signet::{Edge, Entrance, Environment};

/// The C library's allocator maps and unmaps memory page by page in a program
/// as short as this one; this one maps 64 KiB once and uses it again.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator {
    heap: UnsafeCell::new(Dlmalloc::new()),
    is_used: AtomicBool::new(false),
};

/// dlmalloc behind a flag. `dlmalloc::GlobalDlmalloc` takes a lock of the C library
/// instead, which was a fifteenth of a request's instructions.
struct Allocator {
    heap: UnsafeCell<Dlmalloc>,
    is_used: AtomicBool,
}

// SAFETY: `with` gives the heap to one thread at a time.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// Waits until no other thread uses the heap; this program has one thread.
    fn with<T>(&self, run: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        while self.is_used.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: nobody else has passed the flag, and `run` does not allocate.
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

// SAFETY: no other symbol of this name is linked, as `no_main` leaves out std's.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, argv: *const *const c_char, envp: *const *const c_char) -> c_int {
    // A write to a reader that went away is an error, not the end.
    // SAFETY: a signal that is ignored runs nothing.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    open_standard_streams();

    // SAFETY: both are lists as the C library passes them, and stay so: nothing
    // here sets a variable.
    let (arguments, entries) = unsafe { (strings(argv), strings(envp)) };
    let arguments: Vec<OsString> = arguments
        .map(|argument| OsStr::from_bytes(argument).to_owned())
        .collect();
    let edge = Edge {
        vars: Environment::from_entries(entries),
        argument: arguments.get(1).cloned(),
        now: now(),
        euid: effective_user(),
    };
    // A web server may pass the words of a query as arguments (RFC 3875, 4.4):
    // under CGI a visitor writes argv, so decide before looking at it.
    let entrance = edge.entrance();
    match entrance {
        Entrance::Cgi => {}
        Entrance::FastCgi => {
            unblock_signals();
            name_process();
        }
        Entrance::CommandLine => {
            unblock_signals();
            let sockets = passed_sockets(&edge.vars);
            let arguments = arguments.into_iter().skip(1);
            return c_int::from(signet::cli::run(edge, sockets, arguments));
        }
    }
    c_int::from(signet::app::server().run_as(entrance, edge) != ExitCode::SUCCESS)
}

/// A process inherits the signals that its parent had blocked. Blocked SIGTERM
/// would never end this one, and blocked SIGCHLD never tell that a worker ended.
fn unblock_signals() {
    // SAFETY: both calls write to or read the set, which is here, and no more.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// What `ps` and `top` call this process: "signet", however its file is called.
fn name_process() {
    // SAFETY: the kernel copies the name.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"signet".as_ptr()) };
}

/// The sockets that systemd has opened for this process: descriptors 3 and up
/// (sd_listen_fds(3)).
fn passed_sockets(vars: &Environment) -> Vec<OwnedFd> {
    let end = 3_i32.saturating_add(vars.passed_sockets(std::process::id()));
    (3..end)
        .map_while(|fd| {
            // SAFETY: this fails where the descriptor is not open.
            let is_open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
            // SAFETY: it is open, and nothing here has looked at it before.
            is_open.then(|| unsafe { OwnedFd::from_raw_fd(fd) })
        })
        .collect()
}

/// The effective user id, from where the kernel puts it for a new program: that
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
/// `list` is one, and neither it nor a string is ever changed.
unsafe fn strings(list: *const *const c_char) -> impl Iterator<Item = &'static [u8]> {
    (0..)
        // SAFETY: the null pointer, at which this ends, is in the list.
        .map(move |index| unsafe { *list.add(index) })
        .take_while(|string| !string.is_null())
        // SAFETY: what is not null is a string.
        .map(|string| unsafe { CStr::from_ptr(string) }.to_bytes())
}

/// Unix seconds; 0 if the clock stands before 1970.
///
/// By a system call: to find the kernel's quick way to the clock, the C library
/// reads through four pages, which takes longer than this whole file.
fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec, and here is one.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0)
}

/// Opens `/dev/null` in the place of standard streams that are closed: the
/// next file would get the number of one, and messages would go into it.
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
