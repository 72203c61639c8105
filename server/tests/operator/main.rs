//! What an operator types to look after a relay, and what the program does by itself to keep it safe.

mod acme;
mod confinement;
mod doctor;
mod issuer;
mod manual;
mod program;
mod told;
