import mermaid from "mermaid";

/** The inside of the frame in which diagrams are drawn; see parts/Diagram.tsx. */

interface Wish {
  source: string;
  theme: "light" | "dark";
}

const say = (message: unknown): void => window.parent.postMessage(message, "*");

const FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans SC", sans-serif';

/** As in app.css; mermaid reckons with them, so that they are given as numbers. */
const COLOURS = {
  light: { darkMode: false, background: "#ffffff", primaryColor: "#eaf0fe", primaryBorderColor: "#9db4ec", primaryTextColor: "#1b1f2a", secondaryColor: "#f1f3f6", tertiaryColor: "#f7f8fa", lineColor: "#6b7280", textColor: "#1b1f2a", edgeLabelBackground: "#ffffff", clusterBkg: "#f7f8fa", clusterBorder: "#dfe2e7", fontSize: "14px" },
  dark: { darkMode: true, background: "#191b20", primaryColor: "#232c4a", primaryBorderColor: "#4c63ab", primaryTextColor: "#eceef2", secondaryColor: "#262930", tertiaryColor: "#1f2228", lineColor: "#9aa1ad", textColor: "#eceef2", edgeLabelBackground: "#191b20", clusterBkg: "#1f2228", clusterBorder: "#3a3f49", fontSize: "14px" },
};

let count = 0;

async function draw({ source, theme }: Wish): Promise<void> {
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "base", themeVariables: COLOURS[theme], fontFamily: FONT });
  count += 1;
  const own = count;
  try {
    const { svg } = await mermaid.render(`diagram-${own}`, source);
    if (own !== count) return;
    document.body.innerHTML = svg;
    say({ kind: "drawn" });
  } catch (error) {
    say({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

window.addEventListener("message", (event: MessageEvent<Wish>) => {
  if (event.source === window.parent) void draw(event.data);
});
say({ kind: "ready" });
