/** Where one can go: the few pages that most people want, and the rest behind one button. */
import { useLocation } from "preact-iso";
import { Boxes, ChevronDown, Cpu, Play, Rocket } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";

const PLACES = [
  { href: "/", name: "Machines", icon: Cpu },
  { href: "/runs", name: "Runs", icon: Play },
  { href: "/deployments", name: "Deployments", icon: Rocket },
  { href: "/work-pools", name: "Pools", icon: Boxes },
] as const;

const MORE = [
  { href: "/flows", name: "Flows" },
  { href: "/artifacts", name: "Artifacts" },
  { href: "/events", name: "Events" },
  { href: "/variables", name: "Variables" },
  { href: "/blocks", name: "Blocks" },
  { href: "/audit", name: "Audit" },
  { href: "/settings", name: "Settings" },
] as const;

export function Places() {
  const { path } = useLocation();
  const isIn = (href: string): boolean => (href === "/" ? path === "/" : path.startsWith(href));
  return (
    <nav aria-label="Pages">
      {PLACES.map(({ href, name, icon: Icon }) => (
        <a key={href} href={href} aria-current={isIn(href) ? "page" : undefined}>
          <Icon aria-hidden="true" /> <span>{name}</span>
        </a>
      ))}
      <More key={path} isIn={isIn} />
    </nav>
  );
}

/** Closes when one goes somewhere, looks elsewhere, or presses Escape. */
function More({ isIn }: { isIn: (href: string) => boolean }) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const leave = ({ target }: Event): void => {
      if (!(target instanceof Node) || box.current?.contains(target) !== true) setOpen(false);
    };
    document.addEventListener("click", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("click", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isOpen]);
  const here = MORE.find(({ href }) => isIn(href));
  return (
    <div
      ref={box}
      class="more"
      onKeyDown={({ key }) => {
        if (key !== "Escape" || !isOpen) return;
        setOpen(false);
        box.current?.querySelector("button")?.focus();
      }}
    >
      <button
        type="button"
        class={here === undefined ? "" : "here"}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {here?.name ?? "More"} <ChevronDown aria-hidden="true" />
      </button>
      {isOpen && (
        <ul>
          {MORE.map(({ href, name }) => (
            <li key={href}>
              <a href={href} aria-current={isIn(href) ? "page" : undefined}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
