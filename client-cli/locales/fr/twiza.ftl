# Les mots de Twiza en français. Mêmes messages et mêmes variables qu'en anglais : un test compare les catalogues.

## Aide
heading-usage = Utilisation :
heading-commands = Commandes
heading-arguments = À donner
heading-options = Options
heading-example = Exemple :
arg-help = Montrer cette aide
arg-version = Montrer la version
arg-profile = Le profil à utiliser : un nom, ou un dossier (aussi par TWIZA_PROFILE)
arg-lang = Langue : en ou fr (aussi par TWIZA_LANG ; sinon celle de la machine)
arg-json = Répondre en JSON, pour les scripts
arg-passphrase_fd = Lire la phrase secrète dans ce descripteur de fichier (ou la donner dans TWIZA_PASSPHRASE)
arg-proxy = Joindre les relais par ce mandataire, socks5h://hôte:port, ou none pour aucun (aussi par TWIZA_PROXY)
arg-alliance = Le nom ou le numéro de l'alliance ; inutile s'il n'y en a qu'une
arg-yes = Ne pas demander d'abord, là où c'est demandé (remove demande avec --everywhere, role pour le vôtre)
help-twiza = Messages chiffrés pour des alliances d'organisations
example-twiza =
    twiza init --name Amina --organisation Nour
    twiza alliance create "Tawiza" --relay twiza://relais.exemple:7443/…
    twiza invite
    
    Codes de sortie : 0 fait, 1 imprévu, 2 mal tapé, 3 introuvable, 4 non permis,
    5 le relais est injoignable (ce que vous envoyez attend) ou n'accepte pas, 6 phrase secrète, 7 ne vous fiez pas à ce relais
help-init = Créer un profil : votre nom, votre organisation, vos clés
example-init = twiza init --name Amina --organisation Nour
arg-init-name = Votre nom, tel que les autres le verront
arg-init-organisation = L'organisation pour laquelle vous parlez
help-whoami = Montrer qui vous êtes, avec vos mots de sûreté
example-whoami = twiza whoami
help-relay = Voir les relais
help-relay-check = Demander à un relais s'il est là, et ce qu'il accepte
example-relay-check = twiza relay check twiza://relais.exemple:7443/…
arg-relay-check-address = L'adresse du relais, donnée par qui l'héberge
help-alliance = Créer et montrer des alliances
help-alliance-create = Fonder une alliance ; vous en êtes la première organisatrice ou le premier organisateur
example-alliance-create = twiza alliance create "Tawiza" --relay twiza://relais.exemple:7443/…
arg-alliance-create-name = Le nom de l'alliance
arg-alliance-create-relay = Le relais qui garde ses messages (aussi par TWIZA_RELAY)
value-address = ADRESSE
value-days = JOURS
value-file = FICHIER
value-invitation = INVITATION
value-lang = LANGUE
value-member = MEMBRE
value-name = NOM
value-number = NUMÉRO
value-organisation = ORGANISATION
value-role = RÔLE
value-seats = SIÈGES
value-secret = SECRET
value-text = TEXTE
value-yes = OUI
arg-alliance-create-grant = Le secret de qui héberge le relais, s'il en demande un (aussi par TWIZA_GRANT)
help-alliance-list = Lister vos alliances
example-alliance-list = twiza alliance list
arg-alliance-list-all = Aussi celles qui sont finies
help-alliance-show = Montrer où en est une alliance
example-alliance-show = twiza alliance show --alliance Tawiza
help-alliance-grant = Montrer désormais un autre secret au relais : qui l'héberge vous en a donné un nouveau, ou l'ancien est en de mauvaises mains. Sa marque dit si vous parlez du même, sans dire lequel c'est. Là où plusieurs organisations décident, cela propose une motion
example-alliance-grant =
    twiza alliance grant SECRET --alliance Tawiza
    TWIZA_GRANT=… twiza alliance grant --alliance Tawiza
arg-alliance-grant-secret = Le secret de qui héberge le relais (aussi par TWIZA_GRANT, où d'autres sur cette machine ne le voient pas) ; pour aucun, dites --none
arg-alliance-grant-none = Aucun secret : le relais n'en demande plus
help-alliance-reopen = Continuer une alliance dont le relais a perdu la place, parce que personne ne s'en servait
example-alliance-reopen = twiza alliance reopen --alliance Tawiza
help-alliance-forget = Effacer de ce profil une alliance finie, ou dans laquelle vous demandiez à entrer par erreur
example-alliance-forget = twiza alliance forget Tawiza
arg-alliance-forget-alliance = Le nom ou le numéro de l'alliance, donné par `twiza alliance list --all`
arg-alliance-forget-abandon = Même si vous en êtes membre : les autres n'en savent rien, et vous voient toujours
help-invite = Faire une invitation pour une personne
example-invite = twiza invite --role membre --days 7
arg-invite-role = Ce que la personne pourra faire : observation (lire), membre (lire et écrire) ou coordination (organiser) ; membre si rien n'est dit
arg-invite-days = Sa durée en jours, 28 au plus (7 si rien n'est dit)
arg-invite-qr = La montrer aussi en code QR
help-join = Demander à entrer avec une invitation
example-join =
    twiza join
    twiza join - < invitation.txt
arg-join-invitation = L'invitation que vous avez reçue ; - la lit sur l'entrée standard. Sans elle, elle est demandée : alors ni l'historique du shell ni la liste des programmes ne la montrent
arg-join-name = Un autre nom que celui de votre profil
arg-join-organisation = Une autre organisation que celle de votre profil
help-requests = Voir qui demande à entrer
example-requests = twiza requests
help-approve = Faire entrer quelqu'un
example-approve = twiza approve 1
arg-approve-request = Le numéro de la demande, donné par `twiza requests` ; plusieurs sont possibles
help-decline = Ne pas faire entrer quelqu'un, ou reprendre une invitation dont personne ne s'est servi
example-decline = twiza decline 1
arg-decline-request = Le numéro de la demande, donné par `twiza requests` ; ou de l'invitation, donné par `twiza invite`
help-send = Dire quelque chose à toute l'alliance
example-send =
    twiza send "Notre réunion est vendredi"
    twiza send - < note.txt
arg-send-text = Ce que vous dites ; - le lit sur l'entrée standard
help-read = Lire ce qui est nouveau
example-read = twiza read
arg-read-all = Tout, pas seulement ce qui est nouveau
help-watch = Lire ce qui arrive, à mesure, jusqu'à Ctrl-C
example-watch = twiza watch
help-members = Montrer qui est dans une alliance
example-members = twiza members
help-role = Donner un autre rôle à un membre
example-role = twiza role Karim coordination
arg-role-member = Le nom ou le numéro du membre, donné par `twiza members` ; un nom fait de chiffres, avec @ devant
arg-role-role = observation (lire), membre (lire et écrire) ou coordination (organiser)
help-remove = Retirer un membre
example-remove =
    twiza remove Karim
    twiza remove @Karim --everywhere
arg-remove-member = Le nom ou le numéro du membre, donné par `twiza members` ; un nom fait de chiffres, avec @ devant
arg-remove-everywhere = De toutes vos alliances où cette personne est membre ; --alliance dit dans laquelle chercher le nom
help-motion = Décider avec d'autres organisations
help-motion-propose = Demander aux autres d'approuver quelque chose ; vous l'approuvez vous-même. (Les règles, les entrées et le secret pour le relais sont proposés par `twiza rules set`, `twiza approve` et `twiza alliance grant` eux-mêmes.)
help-motion-propose-remove = Proposer de retirer un membre
example-motion-propose-remove = twiza motion propose remove Karim
arg-motion-propose-remove-member = Le nom ou le numéro du membre, donné par `twiza members`
help-motion-propose-role = Proposer un autre rôle pour un membre
example-motion-propose-role = twiza motion propose role Karim organiser
arg-motion-propose-role-member = Le nom ou le numéro du membre, donné par `twiza members`
arg-motion-propose-role-role = observer, member ou organiser
help-motion-propose-name = Proposer un autre nom pour l'alliance
example-motion-propose-name = twiza motion propose name "Tiwizi"
arg-motion-propose-name-name = Le nom que l'alliance devrait avoir
help-motion-propose-succession = Proposer qui devrait organiser l'alliance, quand plus personne ne le fait
example-motion-propose-succession = twiza motion propose succession Karim
arg-motion-propose-succession-member = Qui devrait organiser : le nom ou le numéro d'un membre, donné par `twiza members`
help-motion-list = Montrer ce qui est proposé, et où cela en est
example-motion-list = twiza motion list
help-motion-approve = Approuver ce que quelqu'un a proposé
example-motion-approve = twiza motion approve 1
arg-motion-approve-number = Le numéro de la motion, donné par `twiza motion list`
help-motion-withdraw = Reprendre ce que vous avez proposé, ou votre approbation
example-motion-withdraw = twiza motion withdraw 1
arg-motion-withdraw-number = Le numéro de la motion, donné par `twiza motion list`
help-rules = Voir et fixer ce que l'alliance demande avant tout changement
help-rules-show = Montrer les règles de l'alliance
example-rules-show = twiza rules show
help-rules-set = Fixer les règles de l'alliance ; ce qui n'est pas dit reste
example-rules-set =
    twiza rules set --all 2
    twiza rules set --allot "Nour=12" --succession 30,14,2
arg-rules-set-all = Combien d'organisations différentes doivent approuver tout ce qui suit
arg-rules-set-admit = Combien doivent approuver que quelqu'un entre
arg-rules-set-remove = Combien doivent approuver que quelqu'un soit retiré
arg-rules-set-roles = Combien doivent approuver un autre rôle
arg-rules-set-rules = Combien doivent approuver d'autres règles ; jamais moins que pour le reste
arg-rules-set-name = Combien doivent approuver un autre nom de l'alliance, ou un autre secret pour son relais
arg-rules-set-own_delegates = true : qui organise fait entrer et retire seul·e les membres de sa propre organisation ; ou false
arg-rules-set-allot = Le maximum de personnes d'une organisation : NOM=NOMBRE, ou NOM=none ; peut être donné plusieurs fois
arg-rules-set-succession = Jours de silence de toutes les personnes qui organisent, jours pour s'opposer, organisations qui doivent signer ; ou none
help-leave = Quitter une alliance
example-leave = twiza leave --alliance Tawiza
help-rotate = Prendre de nouvelles clés dans une alliance
example-rotate =
    twiza rotate
    twiza rotate --all
arg-rotate-all = Dans toutes vos alliances
help-rejoin = Demander de nouvelles clés dans une alliance où les vôtres ne mènent plus nulle part
example-rejoin = twiza rejoin --alliance Tawiza
help-reboot = Fonder à nouveau une alliance bloquée, sans qui l'abîme
example-reboot = twiza reboot --without Eve
arg-reboot-without = Les membres laissés dehors (obligatoire ; plusieurs noms peuvent suivre)
help-kit = Se préparer à la perte d'un appareil, ou remplacer un appareil perdu
help-kit-write = Écrire une trousse de secours dans un nouveau fichier, avec sa propre phrase secrète : gardez-la loin de l'appareil
example-kit-write = twiza kit write /media/usb/amina.kit
arg-kit-write-file = Le nouveau fichier (sa phrase secrète aussi par TWIZA_KIT_PASSPHRASE)
help-kit-restore = Créer un profil à partir d'une trousse de secours, à la place d'un appareil perdu
example-kit-restore =
    twiza kit restore /media/usb/amina.kit
    twiza read
arg-kit-restore-file = La trousse de secours (sa phrase secrète aussi par TWIZA_KIT_PASSPHRASE)
help-verify = Montrer les mots à comparer : de toute l'alliance, ou d'un membre
example-verify =
    twiza verify
    twiza verify Karim
arg-verify-member = Le membre dont montrer les mots ; toute l'alliance si rien n'est dit

## Mauvaise utilisation
usage-command = Il n'y a pas de commande nommée { $part }.
usage-command-like = Il n'y a pas de commande nommée { $part }. Vouliez-vous dire { $suggested } ?
usage-argument = Il n'y a pas d'option nommée { $part }.
usage-argument-like = Il n'y a pas d'option nommée { $part }. Vouliez-vous dire { $suggested } ?
usage-word = { $part } est un mot de trop. Ce qui a plusieurs mots va entre guillemets : "comme ici".
usage-value = { $value } ne peut pas être la valeur de { $part }.
usage-value-of = { $value } ne peut pas être la valeur de { $part }. Il faut l'une de celles-ci : { $allowed }
usage-value-number = Pour { $part }, il faut un nombre.
usage-value-range = Pour { $part }, il faut un nombre de { $from } à { $to }.
usage-value-empty = Il manque une valeur pour { $part }.
usage-missing = Il manque quelque chose : { $part }
usage-no-command = Dites quoi faire.
usage-conflict = { $part } contredit autre chose qui a été dit ici (aussi par une variable d'environnement). Enlevez l'un des deux.
usage-other = Ceci n'est pas compris.
usage-help = Pour l'aide, ajoutez --help.

## Phrase secrète
passphrase-prompt = Phrase secrète :
passphrase-new = Nouvelle phrase secrète, 8 caractères au moins :
passphrase-kit = Phrase secrète de la trousse de secours :
passphrase-repeat = La même encore une fois :

## Faire
init-done =
    Vous êtes { $name } ({ $organisation }). Vos clés sont faites.
    Vos mots de sûreté : { $words }
init-next = Ensuite : fondez une alliance avec `twiza alliance create`, ou entrez dans une avec `twiza join`. Sans votre phrase secrète, rien ne s'ouvre plus.
whoami =
    { $name } ({ $organisation })
    Mots de sûreté : { $words }
relay-good =
    Le relais { $host } répond, et sa clé est celle de l'adresse.
    { $admission ->
        [open] Tout le monde peut s'en servir.
        [token] Il demande des jetons : demandez un secret pour en avoir à qui l'héberge.
       *[grant] Il demande un secret : demandez-le à qui l'héberge.
    }
    Il garde ce à quoi personne n'ajoute rien pendant { $days ->
        [one] { $days } jour
       *[other] { $days } jours
    }.
relay-incompatible =
    Le relais { $host } répond, mais parle une autre version : lui, ou ce programme, doit être mis à jour.
    { $admission ->
        [open] Tout le monde peut s'en servir.
        [token] Il demande des jetons : demandez un secret pour en avoir à qui l'héberge.
       *[grant] Il demande un secret : demandez-le à qui l'héberge.
    }
    Il garde ce à quoi personne n'ajoute rien pendant { $days ->
        [one] { $days } jour
       *[other] { $days } jours
    }.
alliance-created = L'alliance { $name } est fondée. Vous l'organisez.
alliance-created-next = Ensuite : invitez quelqu'un avec `twiza invite`.
alliance-reopened = L'alliance continue. Les autres qui trouvent sa place perdue doivent faire de même.
alliance-none = Pas encore d'alliance. Fondez-en une avec `twiza alliance create`, ou entrez dans une avec `twiza join`.
alliance-ended = { $count ->
        [one] Une alliance finie n'est pas montrée
       *[other] { $count } alliances finies ne sont pas montrées
    } : `twiza alliance list --all` montre tout, `twiza alliance forget` en efface une.
alliance-forgotten = { $name } est effacée de ce profil.
forget-question = Effacer { $number }. { $name } de ce profil, avec tout ce qui s'y est dit ? Cela ne se reprend pas{ $status ->
        [active] , et les autres vous verront toujours comme membre
        [alone] . Personne d'autre n'en fait partie : ceux que vous avez invités attendront en vain
        [joining] . Si on vous fait entrer plus tard, vous ne pourrez rien lire : prévenez qui vous a invité·e
       *[other] {""}
    }.
confirm-how = [oui/non]
confirm-yes = oui o
tally-line = { $number }. { $name } : { $result }
alliance-line =
    { $number }. { $name } : { $status ->
        [active] vous en êtes
        [joining] en attente d'entrer
        [left] vous l'avez quittée
        [removed] vous en avez été retiré·e
        [declined] votre demande a été refusée
        [used] quelqu'un d'autre s'est servi de l'invitation
        [lost] vos clés ne mènent plus nulle part ; de nouvelles ont été demandées
       *[stuck] bloquée
    }
alliance-show =
    { $number }. { $name } : { $status ->
        [active] vous en êtes
        [joining] en attente d'entrer
        [left] vous l'avez quittée
        [removed] vous en avez été retiré·e
        [declined] votre demande a été refusée
        [used] quelqu'un d'autre s'est servi de l'invitation
        [lost] vos clés ne mènent plus nulle part ; de nouvelles ont été demandées
       *[stuck] bloquée
    }
    Membres : { $members }
    Relais : { $relay }
    Époque : { $epoch }
    En attente d'envoi : messages { $messages }, changements { $changes }
    Chiffrement : { $suite }
alliance-right = { $kind ->
    [none] Secret pour le relais : aucun
    [tokens] Secret pour le relais : un pour des jetons de { $issuer }, marque { $mark } ; jetons en main : { $tokens }
    [damaged] Secret pour le relais : pas entier. Une personne qui organise doit en donner un meilleur, avec `twiza alliance grant`
   *[secret] Secret pour le relais : un de qui l'héberge, marque { $mark }
}
grant-unchanged = Rien n'a changé : c'était déjà ainsi.
invite-next = Donnez cette invitation à une seule personne, par un moyen sûr. Elle est valable jusqu'au { $day }. Quand la personne aura demandé à entrer, `twiza requests` la montrera. Pour reprendre l'invitation : `twiza decline { $number }`.
join-prompt = L'invitation (elle ne s'affiche pas ici) :
join-asked = Vous avez demandé à entrer. Vos mots de sûreté : { $words }
join-next = Dites-les à qui vous a invité·e. Quand on vous aura fait entrer, `twiza read` le dira.
join-member = Vous êtes membre de { $name }.
request-line =
    { $number }. { $person }
       Mots de sûreté : { $words }
request-alike = Attention : un membre porte le même nom, ou presque : le numéro { $numbers } de `twiza members`. Est-ce une autre personne, la même encore, ou quelqu'un qui imite ? Demandez à ce membre, de vive voix.
requests-none = Personne ne demande à entrer pour l'instant.
requests-next = Comparez les mots de sûreté avec la personne, de vive voix ou en face ; si son programme parle une autre langue, comparez les nombres entre parenthèses. Puis `twiza approve NUMÉRO`, ou `twiza decline NUMÉRO`.
approved = { $person } peut entrer.
approved-next = Cette personne le verra à son prochain `twiza read`.
declined = { $person } n'entre pas.
invitation-cancelled = L'invitation est reprise : plus personne ne peut s'en servir.
sent = Envoyé.
send-waits = Pas encore envoyé : vous quittez cette alliance. Le message ne part que si vous restez ; sinon `twiza read` vous le rend.
read-nothing = Rien de nouveau.
read-status =
    { $status ->
        [joining] Vous attendez qu'on vous fasse entrer.
        [left] Vous avez quitté cette alliance.
        [removed] Vous avez été retiré·e de cette alliance : vous ne pouvez ni lire ni trouver la suite.
        [declined] Votre demande a été refusée.
        [used] Quelqu'un d'autre s'est servi de l'invitation avant vous. Demandez à qui vous a invité·e : si ce n'était pas vous, c'était une personne étrangère.
        [lost] Vos clés ne mènent pas là où sont les autres. De nouvelles ont été demandées aux membres ; le programme d'une personne qui organise les donne de lui-même moins d'une heure après s'être connecté.
       *[stuck] Cette alliance ne peut pas continuer : des changements invalides la remplissent. Une personne qui organise doit la fonder à nouveau, avec `twiza reboot`.
    }
watch-start = À l'écoute. Ctrl-C pour finir.
watch-offline = Le relais est injoignable pour l'instant ({ $cause }). Nouvel essai de temps en temps ; d'ici là, rien de nouveau ne se montre.
talk-offline = Voici ce qui était gardé, qui n'est peut-être pas à jour ({ $cause }).
talk-blocked = Tout a été lu, et quelque chose attend qui ouvre un nouveau lieu au relais, comme de nouvelles clés ou un changement de membres. { $cause }
talk-online = Le relais est de nouveau joignable.
member-line = { $number }. { $person } : { $role }
member-line-own = { $number }. { $person } : { $role } (vous)
member-alike = Ressemble au numéro { $numbers }. Mots de sûreté de ce membre-ci : { $words }
role-observer = observation
role-member = membre
role-organiser = coordination
# Ce qu'on peut taper pour un rôle, en plus de son nom anglais ; les mots sont séparés.
role-typed-observer = observation observatrice observateur
role-typed-member = membre
role-typed-organiser = coordination organisation organisatrice organisateur
role-own-question = Vous quitteriez votre propre rôle ({ $from }) pour celui-ci : { $to }. Vous ne pourrez pas le reprendre vous-même. Le faire ?
role-done = Le nouveau rôle de { $name } : { $role }.
removed = { $name } est hors de l'alliance, et ne peut ni lire ni trouver la suite.
removed-next = Les clés de tout le monde changent avec cela ; personne d'autre n'a rien à faire.
admission = { $person } ({ $role })
action-add = faire entrer { $people }
action-remove = retirer { $people }
action-role = donner à { $person } le rôle : { $role }
action-rules = fixer d'autres règles. { $rules }
action-rename = appeler l'alliance { $name }
action-grant = { $kind ->
    [none] ne plus montrer de secret au relais
    [tokens] ouvrir de nouveaux lieux avec un autre secret, contre des jetons de { $issuer } (marque { $mark })
    [damaged] ouvrir de nouveaux lieux avec un secret qui n'est pas entier
   *[secret] montrer un autre secret au relais (marque { $mark })
}
action-claim = constater que plus personne n'organise l'alliance, et que { $person } devrait le faire
action-appoint = confier l'organisation à { $person }, puisque personne qui organise ne s'est opposé
action-unknown = quelque chose d'une version plus récente de Twiza
motion-proposed = Il faut l'approbation d'autres organisations. La motion { $number } leur est soumise, avec votre approbation : `twiza motion list` montre où elle en est.
motion-enacted = La motion { $number } a toutes les approbations nécessaires : c'est fait.
motion-waits = Pas encore proposé : quelqu'un quitte l'alliance. La motion partira d'elle-même ensuite.
motions-none = Rien n'est proposé.
motion-line =
    { $number }. { $action }
       Proposé par { $person } ; valable jusqu'au { $day }. Approuvé par : { $approved }. Organisations : { $organisations } sur { $needed }.
motion-line-over =
    { $number }. { $action }
       Proposé par { $person } ; { $state ->
        [expired] expiré
        [withdrawn] repris
        [enacted] fait
       *[void] inutile désormais, ou impossible
    }.
rules-quorums = Organisations qui doivent approuver : entrées { $admit }, retraits { $remove }, rôles { $roles }, règles { $rules }, nom ou secret pour le relais { $name }.
rules-own-delegates = Qui organise fait entrer et retire seul·e les membres de sa propre organisation.
rules-allotment = { $organisation } peut avoir { $seats } personnes.
rules-succession = Si l'on n'entend plus personne qui organise pendant { $silence } jours, des membres de { $organisations } organisations peuvent nommer quelqu'un, si personne qui organise ne s'oppose pendant { $waiting } jours.
rules-no-succession = Il n'y a pas de succession : si toutes les personnes qui organisent sont parties, nul ne peut les remplacer.
removed-there = cette personne n'y est plus.
remove-everywhere-question =
    Retirer { $person } de : { $alliances } ?
    Mots de sûreté : { $words }
leaving = Vous partez. Ce sera fait dès que le programme d'un autre membre sera en ligne.
rejoined = Vous en êtes de nouveau, avec de nouvelles clés.
rejoin-asked = De nouvelles clés ont été demandées aux membres.
rejoin-next = Le programme d'une personne qui organise les donne de lui-même moins d'une heure après s'être connecté. `twiza read` cherche la réponse ; ce qui attend partira alors.
rebooted = L'alliance est fondée à nouveau, sans : { $without }. Membres appelés : { $called }
rebooted-next = Chacun revient quand son programme est en ligne, et le programme d'une personne qui organise le fait entrer de lui-même : lancez de temps en temps `twiza read` ou `twiza watch`.
kit-written = { $alliances ->
    [0] La trousse de secours est écrite, mais aucune alliance n'y est encore : quand on vous aura fait entrer, lancez `twiza read`, et écrivez-en une nouvelle.
   *[other] La trousse de secours est écrite. Alliances dedans : { $alliances }
}
kit-written-next = Gardez-la loin de l'appareil, et sa phrase secrète ailleurs : qui a les deux est vous pour tout le monde. Écrivez-en une nouvelle de temps en temps : elle connaît les membres d'aujourd'hui.
kit-restored = Vous êtes de nouveau { $name }. Alliances où revenir : { $alliances }
kit-restored-next = `twiza read --alliance NOM` demande de nouvelles clés aux membres. Le programme d'une personne qui organise les donne de lui-même moins d'une heure après s'être connecté ; l'appareil perdu n'en est alors plus.
rotated = Vous avez de nouvelles clés. L'alliance est maintenant à l'époque { $epoch }.
verify-person = Mots de sûreté, { $person } : { $words }
verify-alliance = Mots de sûreté de l'alliance : { $words }
verify-next = Lisez-les à haute voix en réunion. Qui a tout lu voit les mêmes mots, ou les mêmes nombres si la langue est une autre ; qui en voit d'autres n'est pas dans la même alliance.

## Lire
person = { $name } ({ $organisation })
entry-text = { $time } { $person } : { $text }
entry-event = * { $event }
entry-alike = Attention : { $person }, numéro { $number } de `twiza members`, ressemble au numéro { $numbers }.
event-joined = Vous êtes membre maintenant.
event-added = { $by } a fait entrer { $person }.
event-removed = { $by } a retiré { $person }.
event-leaving = { $person } part.
event-left = { $person } a quitté l'alliance.
event-rotated = { $person } a de nouvelles clés.
event-role = { $by } a donné à { $person } le rôle : { $role }.
event-readmitted = { $person } est revenu·e avec de nouvelles clés, par { $by }. Si ce n'était pas { $person }, quelqu'un a une copie de l'appareil : demandez, et retirez.
event-lost =
    { $why ->
        [away] Vous avez été absent·e trop longtemps : le relais n'a plus ce que les autres ont fait entre-temps.
        [old-copy] C'est une ancienne copie de vos données, et ses clés ont servi depuis.
        [fork] Les autres ont continué ailleurs : votre côté de l'alliance ne continue pas.
        [cannot-follow] Un changement ne marche pas sur cet appareil, alors qu'il marche peut-être pour d'autres : vos données sont abîmées, ou quelqu'un utilise un programme modifié.
        [damaged] Vos données de cette alliance sont abîmées.
        [rebooted] L'alliance a été fondée à nouveau, et vous demandez à y entrer.
        [new-device] C'est un nouvel appareil, fait à partir d'une trousse de secours.
       *[asked] Vous avez demandé de nouvelles clés.
    } De nouvelles clés sont demandées d'elles-mêmes aux membres ; ce que vous aviez écrit attend, et vous ne verrez pas ce qui a été dit entre-temps.
event-rejoined = Vous en êtes de nouveau, avec de nouvelles clés, par { $person }. Vous ne pouvez pas voir ce qui a été dit entre-temps. Comparez `twiza verify` avec quelqu'un que vous connaissez.
event-nobody-answered = Personne ne vous a donné de nouvelles clés, malgré vos demandes. Réessayez avec `twiza rejoin`, ou demandez une invitation à qui organise.
event-rebooted = { $person } a fondé l'alliance à nouveau, sans : { $without }. Toutes les autres personnes y reviennent avec la place qu'elles avaient.
event-call-refused = { $person } veut fonder l'alliance à nouveau, sans : { $without }. Moins d'organisations que n'en demandent les règles pourraient alors décider, et personne n'a vu ces gens tricher : votre programme ne suit pas. Parlez-vous en dehors de Twiza.
event-rules = { $by } a fixé d'autres règles. { $rules }
event-renamed = { $by } a donné à l'alliance le nom { $name }.
event-grant = { $kind ->
    [none] { $by } a retiré le secret de l'alliance pour son relais : on ne lui en montre plus.
    [tokens] { $by } a donné à l'alliance un autre secret pour son relais, contre des jetons de { $issuer } (marque { $mark }). Votre programme en prend là de temps en temps, par le même chemin que vers le relais.
    [damaged] { $by } a donné à l'alliance un autre secret pour son relais, qui n'est pas entier : il n'ouvre rien de nouveau. Une personne qui organise doit en donner un meilleur, avec `twiza alliance grant`.
   *[secret] { $by } a donné à l'alliance un autre secret pour son relais (marque { $mark }).
}
event-motion = { $person } propose la motion { $number } : { $action }. Qui a son mot à dire approuve avec `twiza motion approve { $number }`.
event-motion-approved = { $person } a approuvé la motion { $number }.
event-motion-void = La motion { $number } est close : ce qu'elle demande est déjà fait, ou autre chose a pris sa place.
event-motion-withdrawn = { $person } a repris la motion { $number }.
event-approval-withdrawn = { $person } a repris son approbation de la motion { $number }.
event-motion-enacted = La motion { $number } est faite ; { $person } l'a exécutée.
event-claimed = Attention : { $by } a fait constater, avec approbations, que plus personne n'organise l'alliance et que { $person } devrait le faire. Tout changement par qui organise, comme `twiza rotate`, s'y oppose.
event-claim-rejected = { $by } organise l'alliance : la demande pour { $person } est nulle.
event-refused = Un changement de { $person } était contre les règles et a été refusé.
event-refused-unknown = Un changement dont personne ne répondait a été refusé.
event-not-sent =
    NON ENVOYÉ : { $reason } Vous aviez écrit :
        { $text }
event-not-done =
    NON FAIT : { $change ->
        [add] faire entrer quelqu'un.
        [remove] retirer un membre.
        [role] donner un rôle.
        [rules] fixer d'autres règles.
        [grant] montrer un autre secret au relais.
        [motion] décider avec d'autres.
        [answer] répondre à quelqu'un qui demandait à entrer.
        [leave] partir.
       *[rotate] prendre de nouvelles clés.
    } { $reason }
event-rotation-suppressed = Attention : le relais a refusé vos nouvelles clés à plusieurs reprises. Quelqu'un les bloque peut-être, pour que vos anciennes clés restent en usage. Prévenez les autres par une autre voie, et demandez à qui héberge le relais.
event-unreadable = Un message n'a pas pu être lu.
event-not-understood = { $person } a envoyé quelque chose qu'une version plus récente de Twiza sait lire.
event-history-differs = Attention : { $person } a vu une autre histoire que vous. Le relais montre peut-être des choses différentes selon les membres, ou en a perdu. Comparez `twiza verify`.
event-missed = { $frames ->
    [one] { $person } a constaté que d'autres n'avaient pas lu un de vos messages, que le relais avait perdu un temps. Votre programme le redit.
   *[other] { $person } a constaté que d'autres n'avaient pas lu { $frames } de vos messages, que le relais avait perdus un temps. Votre programme les redit.
}
event-relay-healed = { $frames ->
    [0] Le relais montre les messages dans un autre ordre qu'avant. Il a été restauré d'une sauvegarde, ou il ment. Rien de ce que vous avez n'est perdu.
    [one] Le relais avait perdu un message ou un changement ; votre programme l'y a remis. Le relais a été restauré d'une sauvegarde, ou il ment. Rien de ce que vous avez n'est perdu.
   *[other] Le relais avait perdu { $frames } messages ou changements ; votre programme les y a remis. Le relais a été restauré d'une sauvegarde, ou il ment. Rien de ce que vous avez n'est perdu.
}
event-rival-refused = Attention : le relais a laissé { $person } changer l'alliance à partir d'un ancien état. Ce changement ne compte pas. Les membres qui l'ont suivi reviennent d'eux-mêmes.
event-rival-refused-unknown = Attention : le relais a laissé quelqu'un changer l'alliance à partir d'un ancien état. Ce changement ne compte pas. Les membres qui l'ont suivi reviennent d'eux-mêmes.
event-apart = Attention : l'alliance est divisée. Le relais a été ramené en arrière, et { $person } a retiré la personne dont vous suivez le retrait de { $person }. D'autres suivent peut-être { $person }. Parlez-leur en dehors de Twiza, et invitez-les de nouveau.
event-cannot-follow = { $person } ne peut pas suivre un changement de { $by } : il marche pour certains membres et échoue pour d'autres. À moins que l'appareil de { $person } soit abîmé, { $by } utilise un programme modifié. { $person } est réadmis de lui-même.
event-cannot-follow-unknown = { $person } ne peut pas suivre un changement que d'autres peuvent suivre. { $person } est réadmis de lui-même.

## Erreurs
error = Erreur : { $message }
error-proxy-scheme = Twiza ne peut pas utiliser ce mandataire : son adresse commence par socks5h://, pour que ce soit lui qui cherche aussi le nom du relais. Celui de Tor est socks5h://127.0.0.1:9050. Pour aucun mandataire : none. Rien n'a été envoyé.
error-proxy-place = L'adresse du mandataire finit par un hôte et un port, comme socks5h://127.0.0.1:9050. Rien n'a été envoyé.
error-proxy-credentials = Le nom et le mot de passe du mandataire vont ensemble : socks5h://nom:motdepasse@hôte:port. Sans eux, chaque connexion a les siens. Rien n'a été envoyé.
error-proxy-environment = { $variable } est définie, mais Twiza ne la suit pas. Rien n'a été envoyé. Mettez TWIZA_PROXY=socks5h://hôte:port pour passer par un mandataire, ou TWIZA_PROXY=none pour vous en passer.
error-no-invitation = Il n'y a pas d'invitation, et personne à qui la demander ici. Donnez-la sur l'entrée standard, avec `twiza join -`.
error-no-kit-passphrase = Il n'y a pas de phrase secrète pour la trousse de secours, et personne ici à qui la demander. Donnez-la dans TWIZA_KIT_PASSPHRASE.
error-no-passphrase = Il n'y a pas de phrase secrète, et personne ici à qui la demander. Donnez-la dans TWIZA_PASSPHRASE, ou avec --passphrase-fd.
error-passphrases-differ = Les deux phrases secrètes diffèrent. Rien n'a été créé ; recommencez.
error-passphrase-short = La phrase secrète est trop courte : elle protège tout si on vous prend votre appareil. Prenez au moins 8 caractères, mieux : quatre mots.
error-no-alliance = Il n'y a pas encore d'alliance. Fondez-en une avec `twiza alliance create`, ou entrez dans une avec `twiza join`.
error-unknown-yet = Il n'y a pas ici d'alliance nommée { $name }. Vous avez demandé à en rejoindre une ou plusieurs où, pour ce qu'on en sait ici, on ne vous a pas encore fait entrer : leur nom arrive à ce moment-là. `twiza alliance list` les montre par numéro.
error-alone = Il n'y a que vous dans cette alliance, donc personne à quitter : `twiza alliance forget { $number }` efface l'alliance de ce profil.
error-which-alliance = Vous avez plusieurs alliances. Dites laquelle : --alliance NOM. `twiza alliance list` les montre.
error-io = Lecture ou écriture impossible : { $cause }
error-passphrase-fd = La phrase secrète ne peut pas être lue du descripteur { $number }, que nomme --passphrase-fd : { $cause }
error-no-home = Cette machine n'a pas d'endroit pour les données. Dites où avec TWIZA_HOME.
error-waiting =
    Le relais n'a pas pu le prendre maintenant : { $cause }
    Rien n'est perdu. En attente d'envoi : messages { $messages }, changements { $changes }. Ils partiront d'eux-mêmes, avec la première commande pour laquelle le relais les prendra{ $changes ->
        [0] .
       *[other] {" "}; d'ici là, rien n'a changé pour les autres : si c'est un retrait, ce membre lit encore.
    }
error-no-profile = Il n'y a pas de profil dans { $folder }. Créez-en un avec `twiza init`, ou nommez-en un autre avec --profile.
error-profile-exists = Il y a déjà un profil dans { $folder }. Rien n'a été changé. Nommez-en un autre avec --profile.
error-wrong-passphrase = La phrase secrète n'est pas la bonne. Rien n'a été changé ; recommencez.
error-store = Les données du profil ne peuvent pas être lues : { $cause }
error-file = { $file } : { $cause }
error-unknown-alliance = Il n'y a pas d'alliance nommée { $name }. `twiza alliance list` montre les vôtres.
error-ambiguous-alliance = Plusieurs alliances s'appellent { $name }. Donnez le numéro, de `twiza alliance list`.
error-unknown-member = Il n'y a pas de membre nommé { $name }. `twiza members` les montre.
error-ambiguous-member = Plusieurs membres s'appellent { $name }. Donnez le numéro, de `twiza members`.
error-which-person = { $name } peut désigner plusieurs personnes. Dites dans quelle alliance : --alliance NOM. Personne n'a été retiré.
error-unknown-role = Il n'y a pas de rôle nommé { $role }. Les rôles : observation, membre, coordination.
error-said-no = Rien n'a été fait : la réponse n'était pas oui.
error-not-confirmed = Rien n'a été fait : personne ne l'a confirmé. Là où personne ne peut répondre, donnez --yes.
error-partly = Pas fait dans { $failed } alliances sur { $all }. Plus haut, on lit lesquelles, et pourquoi.
error-still-member = Vous êtes encore dans cette alliance : quittez-la d'abord, avec `twiza leave`. Rien n'a été effacé.
error-member-already = Vous êtes déjà dans cette alliance : c'est le numéro { $number } de `twiza alliance list`. Si elle est perdue pour vous, effacez-la avec `twiza alliance forget { $number } --abandon`, puis redemandez avec la même invitation.
error-unknown-request = Il n'y a pas de demande numéro { $number }. `twiza requests` les montre.
error-unknown-motion = Il n'y a pas de motion numéro { $number }. `twiza motion list` les montre.
error-succession-early = C'est trop tôt : d'après l'horloge de cette machine, vous pourrez le signer à partir du { $day }. Une personne qui organise s'est manifestée, ou la demande a été faite, il y a trop peu de jours.
error-not-active =
    { $status ->
        [joining] Vous n'êtes pas encore membre : il faut qu'on vous fasse entrer. `twiza read` cherche la réponse.
        [left] Vous avez quitté cette alliance.
        [removed] Vous avez été retiré·e de cette alliance.
        [declined] Votre demande a été refusée. Demandez une autre invitation.
        [used] Quelqu'un d'autre s'est servi de l'invitation. Demandez-en une autre, et dites-le à qui vous a invité·e.
        [lost] Vos clés ne mènent pas là où sont les autres. De nouvelles ont été demandées aux membres ; ce qui attend partira quand on aura répondu. `twiza read` cherche la réponse.
       *[stuck] Cette alliance ne peut pas continuer. Une personne qui organise doit la fonder à nouveau, avec `twiza reboot`.
    }
error-place-lost =
    Le relais ne connaît plus la place de cette alliance : personne ne s'en est servi depuis longtemps, ou le relais l'a perdue.
    Si d'autres se sont servis de l'alliance entre-temps, vous l'avez manqué : `twiza rejoin` leur demande de nouvelles clés.
    Seulement si personne ne l'a fait, continuez avec `twiza alliance reopen` : quelqu'un qui a été retiré depuis votre dernière visite pourrait lire ce que vous dites.
error-place-there = Le relais connaît la place de cette alliance : il n'y a rien à rouvrir.
error-kit-passphrase = Ce n'est pas la phrase secrète de la trousse de secours. Rien n'a été changé ; recommencez.
error-nobody-to-ask = Personne d'autre n'organise cette alliance : personne ne peut vous donner de nouvelles clés. Rien n'a été changé. Si le relais a perdu sa place, continuez avec `twiza alliance reopen`.
error-kit-exists = Il y a déjà un fichier { $file }. Rien n'a été écrit ; nommez-en un autre.
error-kit-damaged = Ce n'est pas une trousse de secours, ou pas toute. Rien n'a été changé ; prenez une autre copie.
error-not-stuck = Cette alliance continue : il n'y a rien à fonder à nouveau. Pour retirer quelqu'un, utilisez `twiza remove`.
error-without-whom = Dites qui est laissé dehors : --without MEMBRE. Personne n'a répondu des changements invalides, on ne sait donc pas de qui ils sont. `twiza read --all` montre ce qui s'est passé.
error-without-known = Dites qui est laissé dehors : --without MEMBRE. Les changements invalides venaient de : { $names }.
error-not-organiser = Seules les personnes qui organisent l'alliance peuvent le faire. `twiza members` les montre.
error-not-possible = Ce n'est pas possible. { $reason }
reason-not-member = Vous n'êtes plus membre de cette alliance.
reason-unknown-member = Ce membre n'existe plus.
reason-too-many = Cela fait trop de personnes à la fois : approuvez-en moins.
reason-member-already = Cette personne est déjà membre.
reason-own-removal = Vous ne pouvez pas vous retirer : utilisez `twiza leave`.
reason-leaving = Vous partez : après cela, plus rien ne peut être dit ni changé.
reason-observer = Qui observe lit, mais n'écrit pas. Une personne qui organise peut vous donner un autre rôle.
reason-not-organiser = Seules les personnes qui organisent l'alliance peuvent le faire.
reason-last-organiser = Vous êtes seul·e à organiser : donnez d'abord ce rôle à quelqu'un, avec `twiza role`.
reason-quorum-unreachable = Trop peu d'organisations auraient une personne qui organise pour approuver quoi que ce soit. Donnez d'abord ce rôle à quelqu'un d'une autre organisation, ou demandez moins d'organisations avec `twiza rules set`.
reason-allotment = Une organisation aurait plus de personnes que permis : `twiza rules show` dit combien.
reason-approvals-missing = Les règles de l'alliance demandent l'approbation d'autres organisations : proposez-le, avec `twiza motion propose`.
reason-motion-expired = La motion a expiré : proposez-la de nouveau.
reason-motion-spent = La motion a déjà été exécutée.
reason-motion-void = C'est déjà fait, cela a été repris, ou ce n'est plus possible.
reason-no-succession = Les règles de l'alliance n'ont pas de succession, ou vous organisez vous-même.
reason-grant-refused = Le relais, ou l'émetteur de jetons, ne l'accepte pas : le secret est mal tapé, d'une autre sorte que celle que le relais demande, ou a été repris ; ou il n'y en a pas, et le relais en demande un. L'alliance continue avec ce qu'elle avait. Demandez à qui héberge le relais, puis donnez-en ou proposez-en un autre.
reason-grant-replaced = Quelqu'un a donné entre-temps à l'alliance un autre secret pour son relais, et elle continue avec celui-là. Si le vôtre doit prendre sa place, donnez-le de nouveau.
reason-grant-untried = L'émetteur de jetons que nomme le secret ne dit pas s'il l'accepte : il est injoignable, ou répond ce qui n'a pas de sens. Personne ne devrait décider d'un secret qui n'a pas été essayé : réessayez plus tard, ou demandez à qui héberge le relais.
reason-rules-unsound = Ces règles se contredisent : de 1 à 32 organisations, pour les règles (--rules) jamais moins que pour le reste ; et pour une succession au moins 2, avec 1 à 3650 jours.
reason-undeliverable = Quelqu'un d'autre a l'invitation et l'a rendue inutilisable. Si la personne est entrée, retirez-la et invitez-la de nouveau, par un autre moyen.
reason-rules = Les règles de l'alliance ne le permettent pas.
error-name-empty = Un nom ne peut pas être vide.
error-name-long = Un nom ne peut pas dépasser 64 caractères.
error-name-invisible = Un nom ne peut pas contenir de caractères invisibles, inconnus, ou qui changent le sens du texte. Écrivez-le avec des lettres et des espaces ordinaires.
error-name-punctuation = Un nom ne peut contenir ni deux-points ni parenthèses : ils séparent les noms de la suite. Mettez une virgule ou un tiret.
error-name-composed = Dans ce nom, les accents sont à part de leurs lettres. Tapez-le de nouveau.
error-invitation-prefix = Ce n'est pas une invitation : une invitation commence par twiza:join:
error-invitation-damaged = L'invitation est incomplète ou mal tapée. Copiez-la de nouveau, en entier.
error-invitation-version = L'invitation vient d'une version plus récente de Twiza. Mettez ce programme à jour.
error-invitation-expired = L'invitation a expiré. Demandez-en une autre.
error-being-let-in = Vous avez accepté la demande { $number }, et cela part vers le relais : on ne peut plus revenir dessus. Une fois fait, `twiza remove` retire cette personne.
error-invitation-own = Vous avez fait cette invitation vous-même : elle est pour la personne que vous voulez faire entrer. Envoyez-la à cette personne, par une voie que d'autres ne lisent pas.
error-invitation-used = L'invitation a déjà servi. Si ce n'était pas vous, dites-le à qui vous a invité·e : une personne étrangère l'a. Demandez-en une autre.
error-text-long = Le texte est trop long : { $found } Mio. Un message en contient { $limit }. Rien n'a été envoyé.
error-text-empty = Il n'y a rien à envoyer.
error-unreachable = Le relais { $host } est injoignable : { $cause }. Vérifiez le réseau et l'adresse ; réessayez plus tard.
error-wrong-pin = Attention : ce qui répond à { $host } n'est pas le relais de l'adresse. Sa clé est autre, donc rien n'a été envoyé. Demandez à qui héberge le relais, par un moyen sûr.
error-grant-required = Le relais demande un secret, et aucun n'a été donné ({ $code }). Demandez-le à qui l'héberge, et donnez-le avec --grant, ou à une alliance qui existe déjà avec `twiza alliance grant`.
error-grant-refused = Le relais n'accepte pas le secret donné : il est mal tapé, d'une autre sorte que celle que ce relais demande, ou qui héberge le relais l'a repris. Demandez-leur ; une personne qui organise en donne un nouveau avec `twiza alliance grant`.
error-relay-full = Le relais n'a plus de place ({ $code }). Dites-le à qui l'héberge ; rien n'est perdu ici.
error-mailbox-full = Le relais ne prend plus rien pour cette alliance tant que ses clés ne changent pas ({ $code }). Lancez `twiza rotate`, puis réessayez.
error-relay-busy = Le relais est occupé ({ $code }). Réessayez dans un moment.
error-mailbox-unknown = Le relais ne connaît pas cet endroit ({ $code }) : il a expiré, ou n'a jamais existé.
error-relay-refused = Le relais refuse ({ $code }).
error-token-invalid = Le relais n'accepte pas les jetons de l'émetteur que nomme le secret : le secret est mal tapé, ou pour un autre relais, ou le relais accepte désormais ceux d'un autre. Demandez à qui héberge le relais ; une personne qui organise en donne un nouveau avec `twiza alliance grant`.
error-issuer-unreachable = Le relais ouvre de nouveaux lieux contre des jetons, et leur émetteur { $host } est injoignable : { $cause }. Réessayez plus tard.
error-issuer-wrong-pin = Ce qui répond à { $host } n'est pas l'émetteur de jetons que nomme le secret : sa clé est une autre. Quelqu'un s'est peut-être mis entre vous. Demandez à qui héberge le relais.
error-issuer-grant-refused = L'émetteur de jetons n'accepte pas le secret de votre alliance : il est mal tapé, ou qui héberge le relais l'a repris. Demandez-leur ; une personne qui organise en donne un nouveau avec `twiza alliance grant`.
error-issuer-busy = L'émetteur de jetons a beaucoup à faire. Réessayez dans un moment.
error-tokens-used-up = Le secret de votre alliance a reçu autant de jetons qu'il peut en avoir par jour. Il y en aura d'autres demain ; si cela se répète, demandez à qui héberge le relais.
error-issuer-other-key = L'émetteur de jetons a une autre clé que celle que nomme le secret : le secret est mal tapé, ou l'émetteur a été refait. Copiez le secret de nouveau ; si cela ne suffit pas, demandez à qui héberge le relais.
error-no-relay = Ce qui répond là n'est pas un relais : c'est peut-être un émetteur de jetons, dont l'adresse se ressemble ({ $code }).
error-issuer-other = La réponse de l'émetteur de jetons n'a pas de sens : { $cause }. Il est peut-être d'une autre version, ou quelqu'un s'est mis entre vous.
error-grant-empty = Un secret ne peut pas être vide. Si le relais n'en demande pas, ne donnez rien ; une alliance qui en a un et n'en a plus besoin : `twiza alliance grant --none`.
error-grant-form = Ce n'est pas le secret d'un relais : c'est une seule ligne d'au plus 256 lettres. Copiez-le de nouveau, en entier.
error-grant-damaged = Ce secret n'est pas entier : c'en est un pour des jetons, qui a une adresse, #, et deux parties séparées par un point. Copiez-le de nouveau, en entier.
error-relay-other = La réponse du relais n'a pas de sens : { $cause }. Il est peut-être d'une autre version, ou quelqu'un s'est mis entre vous.
error-relay-contradiction = Attention : le relais se contredit : { $what }. Rien de ce qu'il dit maintenant n'est retenu. Dites-le aux autres membres et à qui l'héberge.
error-address-scheme = L'adresse d'un relais commence par twiza:// ou https://
error-address-host = L'adresse du relais n'a pas de nom d'hôte valable. Copiez-la de nouveau, en entier.
error-address-port = Le port dans l'adresse du relais n'est pas un nombre entre 1 et 65535.
error-address-key = La clé du relais, après la dernière barre de son adresse, manque ou est abîmée. Copiez l'adresse de nouveau, en entier.
error-other = Quelque chose d'imprévu : { $cause }

## Causes, au milieu d'une phrase
cause-detail = détail technique, en anglais : { $detail }
cause-no-connection = pas de connexion à { $host } : { $cause }
cause-refused = rien n'y répond
cause-no-way = aucun chemin n'y mène
cause-timeout = c'était trop long
cause-cut = la connexion a été coupée
cause-proxy = le mandataire de --proxy ou de TWIZA_PROXY ne peut pas servir ; tourne-t-il, et son adresse est-elle juste ?
cause-certificate = aucune autorité connue de cette machine ne s'en porte garante ; une adresse qui commence par twiza:// n'en demande pas : a-t-elle été copiée en entier ?
cause-no-such-host = il n'y a pas d'hôte de ce nom
cause-not-there = cela n'existe pas
cause-not-permitted = ce n'est pas permis à ce compte
cause-there-already = cela existe déjà
cause-disk-full = le disque est plein
cause-read-only = le disque ne peut être que lu
cause-no-text = ce n'est pas du texte
cause-vault-damaged = le fichier de sa clé est abîmé ; reprenez le dossier d'une sauvegarde
cause-no-cipher = cette version de Twiza ne sait pas le chiffrer
cause-store-closed = ce compte ne peut pas ouvrir son fichier ; est-il là, ou à un autre compte ?
cause-locked = un autre programme l'occupe
cause-store-damaged = son fichier est abîmé ; reprenez le dossier d'une sauvegarde
contradiction-gap = des trames manquent ou sont en désordre
contradiction-receipt = il ne montre pas ce dont il a donné un reçu
contradiction-after-end = des trames suivent la fin d'une boîte
contradiction-lost = il a perdu des trames qu'il avait montrées
contradiction-signed = il montre d'autres trames que celles qu'il signe
contradiction-empty = une page vide qui n'est pas la dernière
contradiction-history = il signe une autre histoire que celle qu'il montre
