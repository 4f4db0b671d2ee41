// Runs before the first paint: the page never shows the wrong palette.
(() => {
  const root = document.documentElement;
  const wanted = () => {
    try {
      const chosen = localStorage.getItem('arena-theme');
      if (chosen === 'dark' || chosen === 'light') return chosen;
    } catch { /* storage may be forbidden: the system decides */ }
    return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  };
  const apply = () => {
    root.dataset.theme = wanted();
    document.dispatchEvent(new Event('arena-theme'));
  };
  apply();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
  window.arenaTheme = {
    toggle() {
      try {
        localStorage.setItem('arena-theme', root.dataset.theme === 'dark' ? 'light' : 'dark');
      } catch { /* as above */ }
      apply();
    },
  };
})();
