# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that Windows translates. Whoever relies on one of them breaks on the next host of the fleet."""

from __future__ import annotations

FIREWALL_TEXTS: dict[str, tuple[str, str, str]] = {
    "@FirewallAPI.dll,-28752": ("Remote Desktop", "Remotedesktop", "リモート デスクトップ"),
    "@FirewallAPI.dll,-28775": (
        "Remote Desktop - User Mode (TCP-In)",
        "Remotedesktop - Benutzermodus (TCP eingehend)",
        "リモート デスクトップ - ユーザー モード (TCP 受信)",
    ),
    "@FirewallAPI.dll,-28776": (
        "Remote Desktop - User Mode (UDP-In)",
        "Remotedesktop - Benutzermodus (UDP eingehend)",
        "リモート デスクトップ - ユーザー モード (UDP 受信)",
    ),
    "@FirewallAPI.dll,-28778": (
        "Remote Desktop - Shadow (TCP-In)",
        "Remotedesktop - Schatten (TCP eingehend)",
        "リモート デスクトップ - シャドウ (TCP 受信)",
    ),
    "@FirewallAPI.dll,-28780": (
        "Remote Desktop - (TCP-WS-In)",
        "Remotedesktop - (TCP-WS eingehend)",
        "リモート デスクトップ - (TCP-WS 受信)",
    ),
    "@FirewallAPI.dll,-28782": (
        "Remote Desktop (WebSocket)",
        "Remotedesktop (WebSocket)",
        "リモート デスクトップ (WebSocket)",
    ),
    "@FirewallAPI.dll,-28783": (
        "Remote Desktop - (TCP-WSS-In)",
        "Remotedesktop - (TCP-WSS eingehend)",
        "リモート デスクトップ - (TCP-WSS 受信)",
    ),
    "@FirewallAPI.dll,-30267": (
        "Windows Remote Management",
        "Windows-Remoteverwaltung",
        "Windows リモート管理",
    ),
    "@FirewallAPI.dll,-30253": (
        "Windows Remote Management (HTTP-In)",
        "Windows-Remoteverwaltung (HTTP eingehend)",
        "Windows リモート管理 (HTTP 受信)",
    ),
    "@FirewallAPI.dll,-28502": (
        "File and Printer Sharing",
        "Datei- und Druckerfreigabe",
        "ファイルとプリンターの共有",
    ),
    "@FirewallAPI.dll,-28511": (
        "File and Printer Sharing (SMB-In)",
        "Datei- und Druckerfreigabe (SMB eingehend)",
        "ファイルとプリンターの共有 (SMB 受信)",
    ),
}

SERVICE_TEXTS: dict[str, tuple[str, str, str]] = {
    "TermService": ("Remote Desktop Services", "Remotedesktopdienste", "Remote Desktop Services"),
    "UmRdpService": (
        "Remote Desktop Services UserMode Port Redirector",
        "Anschlussumleitung für Remotedesktopdienst im Benutzermodus",
        "Remote Desktop Services UserMode Port Redirector",
    ),
    "SessionEnv": ("Remote Desktop Configuration", "Remotedesktopkonfiguration", "Remote Desktop Configuration"),
    "CertPropSvc": ("Certificate Propagation", "Zertifikatverteilung", "Certificate Propagation"),
    "KeyIso": ("CNG Key Isolation", "CNG-Schlüsselisolation", "CNG Key Isolation"),
    "CryptSvc": ("Cryptographic Services", "Kryptografiedienste", "Cryptographic Services"),
    "MpsSvc": ("Windows Defender Firewall", "Windows Defender Firewall", "Windows Defender Firewall"),
    "BFE": ("Base Filtering Engine", "Basisfiltermodul", "Base Filtering Engine"),
    "RpcSs": ("Remote Procedure Call (RPC)", "Remoteprozeduraufruf (RPC)", "Remote Procedure Call (RPC)"),
    "Netlogon": ("Netlogon", "Anmeldedienst", "Netlogon"),
    "LanmanWorkstation": ("Workstation", "Arbeitsstationsdienst", "Workstation"),
    "LanmanServer": ("Server", "Server", "Server"),
    "WinRM": (
        "Windows Remote Management (WS-Management)",
        "Windows-Remoteverwaltung (WS-Verwaltung)",
        "Windows Remote Management (WS-Management)",
    ),
    "W32Time": ("Windows Time", "Windows-Zeitgeber", "Windows Time"),
    "Dnscache": ("DNS Client", "DNS-Client", "DNS Client"),
    "EventLog": ("Windows Event Log", "Windows-Ereignisprotokoll", "Windows Event Log"),
    "HTTP": ("HTTP Service", "HTTP-Dienst", "HTTP Service"),
    "mpsdrv": (
        "Windows Defender Firewall Authorization Driver",
        "Windows Defender Firewall-Autorisierungstreiber",
        "Windows Defender Firewall Authorization Driver",
    ),
    "RDPDR": (
        "Remote Desktop Device Redirector Driver",
        "Treiber für Remotedesktop-Geräteumleitung",
        "Remote Desktop Device Redirector Driver",
    ),
    "TSGateway": ("Remote Desktop Gateway", "Remotedesktopgateway", "Remote Desktop Gateway"),
    "Schedule": ("Task Scheduler", "Aufgabenplanung", "Task Scheduler"),
}

COMMAND_TEXTS: dict[str, tuple[str, str, str]] = {
    "unknown_command": (
        "'{0}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n",
        'Der Befehl "{0}" ist entweder falsch geschrieben oder\r\nkonnte nicht gefunden werden.\r\n',
        "'{0}' は、内部コマンドまたは外部コマンド、\r\n操作可能なプログラムまたはバッチ ファイルとして認識されていません。\r\n",
    ),
    "starting": (
        "The {0} service is starting.\r\n",
        "{0} wird gestartet.\r\n",
        "{0} サービスを開始します.\r\n",
    ),
    "started": (
        "The {0} service was started successfully.\r\n",
        "{0} wurde erfolgreich gestartet.\r\n",
        "{0} サービスは正常に開始されました。\r\n",
    ),
    "stopping": ("The {0} service is stopping.\r\n", "{0} wird beendet.\r\n", "{0} サービスを停止中です.\r\n"),
    "stopped": (
        "The {0} service was stopped successfully.\r\n",
        "{0} wurde erfolgreich beendet.\r\n",
        "{0} サービスは正常に停止されました。\r\n",
    ),
    "already_started": (
        "The requested service has already been started.\r\n",
        "Der angeforderte Dienst wurde bereits gestartet.\r\n",
        "要求したサービスは既に開始されています。\r\n",
    ),
    "not_started": (
        "The {0} service is not started.\r\n",
        "{0} wurde nicht gestartet.\r\n",
        "{0} サービスは開始されていません。\r\n",
    ),
    "invalid_service": (
        "The service name is invalid.\r\n",
        "Der Dienstname ist ungültig.\r\n",
        "サービス名が無効です。\r\n",
    ),
    "system_error": (
        "System error {0} has occurred.\r\n",
        "Systemfehler {0} aufgetreten.\r\n",
        "システム エラー {0} が発生しました。\r\n",
    ),
    "done": (
        "The operation completed successfully.\r\n",
        "Der Vorgang wurde erfolgreich beendet.\r\n",
        "この操作を正しく終了しました。\r\n",
    ),
    "not_found": (
        "ERROR: The system was unable to find the specified registry key or value.\r\n",
        "FEHLER: Der angegebene Registrierungsschlüssel oder Wert wurde nicht gefunden.\r\n",
        "エラー: 指定されたレジストリ キーまたは値が見つかりませんでした\r\n",
    ),
    "access_denied": (
        "ERROR: Access is denied.\r\n",
        "FEHLER: Zugriff verweigert\r\n",
        "エラー: アクセスが拒否されました。\r\n",
    ),
    "invalid_syntax": ("ERROR: Invalid syntax.\r\n", "FEHLER: Syntaxfehler.\r\n", "エラー: 無効な構文です。\r\n"),
    "flushed": (
        "\r\nWindows IP Configuration\r\n\r\nSuccessfully flushed the DNS Resolver Cache.\r\n",
        "\r\nWindows-IP-Konfiguration\r\n\r\nDer DNS-Auflösungscache wurde geleert.\r\n",
        "\r\nWindows IP 構成\r\n\r\nDNS リゾルバー キャッシュは正常にフラッシュされました。\r\n",
    ),
    "policy_updated": (
        "Updating policy...\r\n\r\nComputer Policy update has completed successfully.\r\n",
        "Die Richtlinie wird aktualisiert...\r\n\r\nDie Aktualisierung der Computerrichtlinie wurde erfolgreich"
        " abgeschlossen.\r\n",
        "ポリシーを最新の情報に更新しています...\r\n\r\nコンピューター ポリシーの更新が正常に完了しました。\r\n",
    ),
    "version": (
        "\r\nMicrosoft Windows [Version {0}]\r\n",
        "\r\nMicrosoft Windows [Version {0}]\r\n",
        "\r\nMicrosoft Windows [Version {0}]\r\n",
    ),
}

EVENT_TEXTS: dict[int, tuple[str, str, str]] = {
    36870: (
        "A fatal error occurred when attempting to access the TLS server credential private key. The error code returned"
        " from the cryptographic module is 0x8009030D. The internal error state is 10001.",
        "Schwerwiegender Fehler beim Versuch, auf den privaten Schlüssel der TLS-server-Anmeldeinformationen zuzugreifen."
        " Der vom kryptografischen Modul zurückgegebene Fehlercode lautet 0x8009030D. Der interne Fehlerstatus lautet"
        " 10001.",
        "TLS server 資格情報の秘密キーにアクセスしようとしたときに致命的なエラーが発生しました。暗号化モジュールから返された"
        "エラー コードは 0x8009030D です。内部エラーの状態は 10001 です。",
    ),
    36871: (
        "A fatal error occurred while creating a TLS server credential. The internal error state is 10013.",
        "Schwerwiegender Fehler beim Erstellen der TLS-server-Anmeldeinformationen. Der interne Fehlerstatus lautet 10013.",
        "TLS server 資格情報を作成しているときに致命的なエラーが発生しました。内部エラーの状態は 10013 です。",
    ),
    36874: (
        "An TLS 1.2 connection request was received from a remote client application, but none of the cipher suites"
        " supported by the client application are supported by the server. The TLS connection request has failed.",
        "Eine TLS 1.2-Verbindungsanforderung wurde von einer Remoteclientanwendung übermittelt, jedoch werden keine der"
        " Verschlüsselungssammlungen, die von der Clientanwendung unterstützt werden, vom Server unterstützt.",
        "リモート クライアント アプリケーションから TLS 1.2 接続要求を受信しましたが、クライアント アプリケーションでサポート"
        "されている暗号化パッケージは、どれもサーバーでサポートされていません。",
    ),
    1056: (
        "A new self signed certificate to be used for RD Session Host Server authentication on SSL connections was"
        " generated. The name on this certificate is {0}.",
        "Ein neues selbstsigniertes Zertifikat, das für die Authentifizierung des RD-Sitzungshostservers für"
        " SSL-Verbindungen verwendet wird, wurde generiert. Der Name auf diesem Zertifikat lautet {0}.",
        "SSL 接続での RD セッション ホスト サーバー認証に使用する新しい自己署名証明書が生成されました。証明書の名前は {0} です。",
    ),
    1057: (
        "The RD Session Host Server has failed to create a new self signed certificate to be used for RD Session Host"
        " Server authentication on SSL connections. The relevant status code was Access is denied.",
        "Der RD-Sitzungshostserver konnte kein neues selbstsigniertes Zertifikat erstellen. Der relevante Statuscode war:"
        " Zugriff verweigert.",
        "RD セッション ホスト サーバーは、新しい自己署名証明書を作成できませんでした。関連する状態コード: アクセスが拒否されました。",
    ),
    1058: (
        "The RD Session Host Server has failed to replace the expired self signed certificate used for RD Session Host"
        " Server authentication on SSL connections. The relevant status code was Access is denied.",
        "Der RD-Sitzungshostserver konnte das abgelaufene selbstsignierte Zertifikat nicht ersetzen. Der relevante"
        " Statuscode war: Zugriff verweigert.",
        "RD セッション ホスト サーバーは、期限切れの自己署名証明書を置き換えることができませんでした。関連する状態コード:"
        " アクセスが拒否されました。",
    ),
    1036: (
        "Remote Desktop listener session creation failed. The relevant status code was 0x2740.",
        "Fehler beim Erstellen der Remotedesktop-Listenersitzung. Relevanter Statuscode: 0x2740.",
        "リモート デスクトップ リスナー セッションの作成に失敗しました。関連する状態コードは 0x2740 です。",
    ),
    1006: (
        "The RD Session Host server received large number of incomplete connections. The system may be under attack.",
        "Der RD-Sitzungshostserver hat eine große Anzahl unvollständiger Verbindungen empfangen. Möglicherweise wird das"
        " System angegriffen.",
        "RD セッション ホスト サーバーは不完全な接続を多数受信しました。システムが攻撃されている可能性があります。",
    ),
    7036: (
        "The {0} service entered the {1} state.",
        'Dienst "{0}" befindet sich jetzt im Status "{1}".',
        "{0} サービスは {1} 状態に移行しました。",
    ),
    6005: (
        "The Event log service was started.",
        "Das Ereignisprotokoll wurde gestartet.",
        "イベント ログ サービスが開始されました。",
    ),
}

ACCOUNT_TEXTS = {
    "Administrator": ("Administrator", "Administrator", "Administrator"),
    "Administrators": ("Administrators", "Administratoren", "Administrators"),
    "Remote Desktop Users": ("Remote Desktop Users", "Remotedesktopbenutzer", "Remote Desktop Users"),
}


def translate(table: dict[str, tuple[str, str, str]], key: str, language: str) -> str:
    """The text of ``key`` in ``language``; the key itself when Windows has no resource for it."""
    texts = table.get(key)
    return key if texts is None else texts[("en", "de", "ja").index(language)]


def event_text(event_id: int, language: str, *arguments: str) -> str:
    return EVENT_TEXTS[event_id][("en", "de", "ja").index(language)].format(*arguments)


def command_text(key: str, language: str, *arguments: object) -> str:
    return translate(COMMAND_TEXTS, key, language).format(*arguments)
