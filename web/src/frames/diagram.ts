import mermaid from "mermaid";

/** The inside of the frame in which diagrams are drawn; see parts/Diagram.tsx. */

interface Wish {
  source: string;
  theme: "light" | "dark";
}

const say = (message: unknown): void => window.parent.postMessage(message, "*");

let count = 0;

async function draw({ source, theme }: Wish): Promise<void> {
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: theme === "dark" ? "dark" : "neutral", fontFamily: "system-ui, sans-serif" });
  count += 1;
  const own = count;
  try {
    const { svg } = await mermaid.render(`diagram-${own}`, source);
    if (own !== count) return;
    document.body.innerHTML = svg;
    const shown = document.querySelector("svg");
    say({ kind: "drawn", height: Math.ceil(shown?.getBoundingClientRect().height ?? 0) + 16 });
  } catch (error) {
    say({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

window.addEventListener("message", (event: MessageEvent<Wish>) => {
  if (event.source === window.parent) void draw(event.data);
});
say({ kind: "ready" });
