import type { Catalogue } from "../catalogue";
import type { steps as en } from "../en/steps";

export const steps: Catalogue<typeof en> = {
  "back.rewind": "回到此处",
  "back.fork": "派生",
  "back.step": "从第 {{step}} 步开始",
  "back.prompt": "从那里起要做什么",
  "back.rewind.title": "回到第 {{step}} 步",
  "back.rewind.about": "工作区（含被忽略的文件）和对话都会恢复。之后的内容保留在日志中。",
  "back.rewind.prompt": "留空则停在那里：补丁即当时的补丁，并对其运行检查。",
  "back.rewind.done": "正在回到该步骤",
  "back.fork.title": "从第 {{step}} 步派生新任务",
  "back.fork.about": "新任务从当时的文件和对话开始；此任务保持不变。",
  "back.fork.prompt": "留空则再次提出同样的要求。",
  "back.fork.done": "已派生",
};
