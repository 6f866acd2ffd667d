(function () {
  var written = Date.parse(document.getElementById("updated").getAttribute("datetime"));
  function look() {
    if (Date.now() - written > 600000) document.getElementById("stale").hidden = false;
  }
  look();
  setInterval(look, 30000);
})();
