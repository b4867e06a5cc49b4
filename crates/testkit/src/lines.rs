//! A program that answers a line with a line: how tests drive clients written in other languages.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running program that answers each line of its standard input with one line of its standard
/// output. Its standard error is passed on. It is killed when this is dropped.
#[derive(Debug)]
pub struct LineProgram {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl LineProgram {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(questions), Some(answers)) = pipes else {
            return Err(io::Error::other("the program has no pipes"));
        };
        Ok(Self {
            child,
            questions,
            answers: BufReader::new(answers),
        })
    }

    /// Asks a question, which must be one line, and waits for the answer. Blocks.
    ///
    /// # Errors
    /// When the program has ended, or its pipes fail.
    pub fn ask(&mut self, question: &str) -> io::Result<String> {
        self.questions.write_all(question.as_bytes())?;
        self.questions.write_all(b"\n")?;
        self.questions.flush()?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the program has ended",
            ));
        }
        Ok(answer)
    }
}

impl Drop for LineProgram {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_answered_by_a_line_until_the_program_ends() {
        let mut command = Command::new("sh");
        command.args(["-c", "read a; echo \"got $a\"; read b; exit 3"]);
        let mut program = LineProgram::start(command).unwrap();
        assert_eq!(program.ask("one").unwrap(), "got one\n");
        let ended = program.ask("two").unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    }
}
