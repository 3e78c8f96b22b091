import { useCallback, useEffect, useRef, useState } from "react";

/** What we use of the browser's speech recognition, which TypeScript's library does not describe. */
interface Recognition {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  start(): void;
  stop(): void;
  onresult: ((event: { resultIndex: number; results: ArrayLike<ArrayLike<{ transcript: string }> & { isFinal: boolean }> }) => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  onend: (() => void) | null;
}

type Maker = new () => Recognition;

function maker(): Maker | null {
  const page = window as unknown as { SpeechRecognition?: Maker; webkitSpeechRecognition?: Maker };
  return page.SpeechRecognition ?? page.webkitSpeechRecognition ?? null;
}

/** Dictation where the browser has it; `toggle` is null where it has not. */
export function useDictation(language: string, onText: (text: string) => void, onFailure: (denied: boolean) => void) {
  const [listening, setListening] = useState(false);
  const recognition = useRef<Recognition | null>(null);
  const handlers = useRef({ onText, onFailure });
  useEffect(() => {
    handlers.current = { onText, onFailure };
  });
  useEffect(() => () => recognition.current?.stop(), []);

  const toggle = useCallback(() => {
    if (recognition.current) {
      recognition.current.stop();
      return;
    }
    const Made = maker();
    if (!Made) return;
    const made = new Made();
    made.lang = language === "zh" ? "zh-CN" : "en-US";
    made.continuous = true;
    made.interimResults = false;
    made.onresult = (event) => {
      for (let index = event.resultIndex; index < event.results.length; index += 1) {
        const result = event.results[index];
        const best = result?.isFinal ? result[0] : undefined;
        if (best) handlers.current.onText(best.transcript);
      }
    };
    made.onerror = (event) => {
      if (event.error !== "aborted" && event.error !== "no-speech") handlers.current.onFailure(event.error === "not-allowed");
    };
    made.onend = () => {
      recognition.current = null;
      setListening(false);
    };
    recognition.current = made;
    made.start();
    setListening(true);
  }, [language]);

  return { listening, toggle: maker() ? toggle : null };
}
