/** Of a task's page: going on from a step. */
export const steps = {
  "back.rewind": "Go back here",
  "back.fork": "Fork",
  "back.step": "From step {{step}}",
  "back.prompt": "What to do from there",
  "back.rewind.title": "Go back to step {{step}}",
  "back.rewind.about": "The workspace, with ignored files, and the conversation are put back. What came after stays in the log.",
  "back.rewind.prompt": "Leave it empty to stop there: the patch is the one of then, and the checks are run on it.",
  "back.rewind.done": "It goes back",
  "back.fork.title": "A new task from step {{step}}",
  "back.fork.about": "It begins with the files and the conversation of then; this task stays as it is.",
  "back.fork.prompt": "Leave it empty to ask for the same once more.",
  "back.fork.done": "Forked",
} as const;
