import type { Catalogue } from "../catalogue";
import type { welcome as en } from "../en/welcome";

export const welcome: Catalogue<typeof en> = {
  title: "欢迎使用 Journeyman",
  about: "一位可以交付任务的软件工程师：在沙箱中工作，交回更改以及证明它的检查结果。",
  "models.loading": "正在查找模型…",
  "models.failed": "无法获取模型",
  model: "选择模型",
  "model.about": "此服务可以使用：",
  "model.none": "尚无可用模型",
  "model.noneAbout": "请在设置中添加：带密钥的服务商、您自己的服务器或内置模型。",
  "model.add": "添加模型",
  "model.test": "测试一下",
  "model.testing": "正在询问…",
  "model.answers": "{{time}} 内作答（{{cost}}）",
  demo: "看它工作",
  "demo.about": "一个有缺陷的小仓库，两个测试因此失败。看它如何重现、修复，并在干净副本中验证。",
  "demo.run": "运行演示",
  "demo.busy": "正在提交…",
  "demo.failed": "演示未能启动",
  "demo.admin": "管理员可以启动演示。",
  own: "处理您自己的工作",
  "own.about": "指定仓库并说明需求。环境说明如何准备和检查；他人可通过链接加入。",
  "own.task": "写一个任务",
  "own.environment": "创建环境",
  "own.people": "邀请他人",
};
