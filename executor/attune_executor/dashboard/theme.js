// Runs before the page is drawn, so that nobody is blinded by the other theme first.
// Dark or light is what the system says until somebody chooses; the choice is remembered in this browser.
(() => {
  const KEY = "attune.theme";
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is switched off: the system's theme it is
    }
  };
  const show = (theme) => {
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  show(chosen());
  globalThis.attuneTheme = {
    get dark() {
      const theme = document.documentElement.dataset.theme;
      return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    },
    toggle() {
      const theme = this.dark ? "light" : "dark";
      show(theme);
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // Chosen for this visit only.
      }
    },
  };
})();
