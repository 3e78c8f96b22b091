// Before anything is painted: the theme and the language that this browser chose. Kept apart from the bundle, since
// the content-security policy lets no script stand in the page.
(function () {
  var root = document.documentElement;
  var theme = "system";
  try {
    theme = localStorage.getItem("journeyman.theme") || "system";
    var language = localStorage.getItem("journeyman.language") || navigator.language || "en";
    root.lang = language.toLowerCase().indexOf("zh") === 0 ? "zh" : "en";
  } catch (error) {
    // Storage is closed to this page; the defaults stand.
  }
  var dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "dark" : "light";
})();
